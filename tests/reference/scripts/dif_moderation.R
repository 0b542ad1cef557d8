# Items tested for moderation by a continuous covariate. Run in tests/reference: Rscript scripts/dif_moderation.R
suppressPackageStartupMessages({library(ordinal); library(jsonlite)})
file <- "data/likert.csv"
d <- read.csv(file)
items <- paste0("q", c(1, 2, 3, 5, 6, 7))
# age follows an item outside of the set and the row number, so that it is related to the trait and to nothing else
row <- seq_len(nrow(d)) - 1
age <- 20 + 5 * d$q12 + (row * 7) %% 11
z <- (age - mean(age)) / sd(age)
one <- function(item) {
  m <- rowMeans(d[setdiff(items, item)])
  y <- ordered(d[[item]])
  tight <- clm.control(gradTol = 1e-10, maxIter = 200)
  fits <- list(clm(y ~ m, control = tight), clm(y ~ m + z, control = tight), clm(y ~ m * z, control = tight))
  l <- sapply(fits, function(f) as.numeric(logLik(f)))
  list(logliks = c(as.numeric(logLik(clm(y ~ 1, control = tight))), l),
       chisq = list(uniform = 2 * (l[2] - l[1]), nonuniform = 2 * (l[3] - l[2]), total = 2 * (l[3] - l[1])),
       p_total = pchisq(2 * (l[3] - l[1]), 2, lower.tail = FALSE),
       coefficients = unname(coef(fits[[3]])), errors = unname(sqrt(diag(vcov(fits[[3]])))))
}
out <- list(meta = list(R = R.version.string, ordinal = as.character(packageVersion("ordinal")), md5 = unname(tools::md5sum(file))),
            mean = mean(age), sd = sd(age), items = setNames(lapply(items, one), items))
write(toJSON(out, auto_unbox = TRUE, digits = 17), "values/dif_moderation.json")
print(sapply(out$items, function(x) c(x$chisq$total, x$p_total)))
