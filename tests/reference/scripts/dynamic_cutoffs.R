# Limits of fit indices of a three-factor model under the correct and two wrong populations, by simulation
# with lavaan. Run in tests/reference: Rscript scripts/dynamic_cutoffs.R
suppressMessages({library(lavaan); library(MASS); library(jsonlite)})
set.seed(20231)
n <- 300; replications <- 1000
loadings <- c(.7, .5, .6, .8, .75, .65, .45, .8, .9, .8, .7, .6)
factors <- matrix(c(1, .3, .4, .3, 1, .5, .4, .5, 1), 3)
pattern <- matrix(0, 12, 3); pattern[cbind(1:12, rep(1:3, each = 4))] <- loadings
wrong1 <- pattern; wrong1[7, 3] <- .45   # the weakest item, on the factor with the highest coefficient H
wrong2 <- wrong1; wrong2[2, 3] <- .5     # the next
model <- "a =~ x1 + x2 + x3 + x4
b =~ x5 + x6 + x7 + x8
c =~ x9 + x10 + x11 + x12"
simulate <- function(pattern) {
  sigma <- pattern %*% factors %*% t(pattern); diag(sigma) <- 1
  t(replicate(replications, {
    rows <- as.data.frame(mvrnorm(n, rep(0, 12), sigma)); names(rows) <- paste0("x", 1:12)
    fit <- suppressWarnings(cfa(model, rows, estimator = "ML"))
    if (lavInspect(fit, "converged")) fitMeasures(fit, c("srmr", "rmsea", "cfi")) else rep(NA_real_, 3)
  }))
}
limits <- function(draws, tail) c(
  srmr = unname(quantile(draws[, 1], tail, na.rm = TRUE)),
  rmsea = unname(quantile(draws[, 2], tail, na.rm = TRUE)),
  cfi = unname(quantile(draws[, 3], 1 - tail, na.rm = TRUE)))
correct <- simulate(pattern); one <- simulate(wrong1); two <- simulate(wrong2)
write_json(list(
  versions = list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan"))),
  n = n, replications = replications, loadings = loadings, factors = factors,
  not_converged = sapply(list(correct, one, two), function(d) sum(is.na(d[, 1]))),
  correct = as.list(limits(correct, .95)), wrong = list(as.list(limits(one, .05)), as.list(limits(two, .05)))
), "values/dynamic_cutoffs.json", auto_unbox = TRUE, digits = 10, pretty = TRUE)
