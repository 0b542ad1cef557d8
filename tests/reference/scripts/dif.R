# Reference values of differential item functioning by ordinal logistic regression.
# Run in tests/reference/scripts: Rscript dif.R
Sys.setenv(OMP_NUM_THREADS = "1")
suppressPackageStartupMessages({library(ordinal); library(MASS); library(jsonlite)})

files <- c(complete = "../data/likert.csv", missing = "../data/likert_missing.csv")
themes <- list(one = paste0("q", 1:4), two = paste0("q", 5:8))
# No model holds the item's own name: polr and clm are asked the same three questions.
forms <- list(y ~ m, y ~ m + g, y ~ m * g)
precise <- clm.control(gradTol = 1e-10, maxIter = 200)

one_item <- function(data, item, items, group, matching) {
  used <- if (matching == "rest") setdiff(items, item) else items
  d <- data.frame(x = data[[item]], m = rowMeans(data[used]), g = factor(data[[group]], unique(data[[group]])))
  d <- d[complete.cases(d), ]
  d$y <- factor(d$x)
  fits <- lapply(forms, function(f) clm(f, data = d, control = precise))
  null <- clm(y ~ 1, data = d, control = precise)
  ll <- vapply(fits, function(f) as.numeric(logLik(f)), 0)
  l0 <- as.numeric(logLik(null)); n <- nrow(d)
  polr_ll <- vapply(forms, function(f) as.numeric(logLik(polr(f, data = d, control = list(reltol = 1e-14)))), 0)
  df <- vapply(fits, function(f) length(f$beta), 0)
  from <- c(1, 2, 1); to <- c(2, 3, 3)
  chisq <- 2 * (ll[to] - ll[from]); dfs <- df[to] - df[from]
  r2_mcfadden <- 1 - ll / l0
  r2_nagelkerke <- (1 - exp(2 * (l0 - ll) / n)) / (1 - exp(2 * l0 / n))
  codes <- as.numeric(levels(d$y))
  expected <- sapply(levels(d$g), function(l) {
    new <- data.frame(m = d$m, g = factor(l, levels(d$g)))
    predict(fits[[3]], newdata = new, type = "prob")$fit %*% codes
  })
  pairs <- combn(levels(d$g), 2)
  gap <- apply(pairs, 2, function(p) { e <- expected[, p[2]] - expected[, p[1]]; c(mean(e), mean(abs(e))) })
  list(n = as.list(table(d$g)), null = l0, loglik = ll, polr = polr_ll,
    thresholds = lapply(fits, function(f) unname(f$alpha)), coefficients = lapply(fits, function(f) unname(f$beta)),
    se = lapply(fits, function(f) unname(sqrt(diag(vcov(f))))),
    chisq = chisq, df = dfs, p = pchisq(chisq, dfs, lower.tail = FALSE),
    mcfadden = r2_mcfadden[to] - r2_mcfadden[from], nagelkerke = r2_nagelkerke[to] - r2_nagelkerke[from],
    change = unname(fits[[2]]$beta["m"] / fits[[1]]$beta["m"] - 1),
    pairs = apply(pairs, 2, paste, collapse = ":"), signed = gap[1, ], unsigned = gap[2, ])
}

one_scale <- function(data, items, group, matching) {
  found <- lapply(setNames(items, items), function(i) one_item(data, i, items, group, matching))
  p <- sapply(found, function(f) f$p)  # tests × items
  list(items = found, holm = t(apply(p, 1, p.adjust, "holm")), bh = t(apply(p, 1, p.adjust, "BH")))
}

values <- lapply(files, function(file) {
  data <- read.csv(file)
  for (item in c("q4", "q9")) data[[item]] <- 6 - data[[item]]
  lapply(c(group = "group", site = "site"), function(group)
    lapply(c(rest = "rest", total = "total"), function(matching)
      lapply(themes, function(items) one_scale(data, items, group, matching))))
})
values$meta <- list(R = R.version.string, ordinal = as.character(packageVersion("ordinal")),
  MASS = as.character(packageVersion("MASS")), md5 = as.list(setNames(unname(tools::md5sum(files)), basename(files))))
write(toJSON(values, digits = NA, auto_unbox = TRUE), "../values/dif.json")
