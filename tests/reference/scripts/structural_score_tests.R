# Score tests of equality constraints. Run from the repository's root:
# Rscript tests/reference/scripts/structural_score_tests.R
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
folder <- "tests/reference/data"
d <- read.csv(file.path(folder, "battery.csv")); gaps <- read.csv(file.path(folder, "battery_missing.csv"))
three <- "f1 =~ y1 + y2 + y3\nf2 =~ y4 + y5 + y6\nf3 =~ y7 + y8 + y9"
two <- "fd =~ d1 + d2 + d3 + d4\nfe =~ e1 + e2 + e3 + e4"
ordinal <- c(paste0("d", 1:4), paste0("e", 1:4))
fits <- list(
  scalar = cfa(three, d, group = "sex", group.equal = c("loadings", "intercepts")),
  linear = cfa("f1 =~ y1 + a*y2 + b*y3\nf2 =~ y4 + c*y5 + y6\na == c\na + b == 1.6", d),
  ordinal = cfa(two, d, ordered = ordinal, group = "site", group.equal = c("loadings", "thresholds")),
  ordinal_pairwise = cfa(two, gaps, ordered = ordinal, missing = "pairwise", group = "sex", group.equal = "loadings"),
  fiml = cfa(three, gaps, missing = "fiml", group = "sex", group.equal = "loadings"),
  mlr = cfa(three, d, estimator = "MLR", group = "sex", group.equal = "loadings"))
values <- suppressWarnings(lapply(fits, function(f) {
  t <- lavTestScore(f)
  list(lhs = t$uni$lhs, score = t$uni$X2, pvalue = t$uni$p.value, total = t$test$X2)
}))
files <- c("battery.csv", "battery_missing.csv")
values$made_by <- list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan")), files = files,
  md5 = unname(tools::md5sum(file.path(folder, files))))
write_json(values, "tests/reference/values/structural_score_tests.json", digits = I(12), auto_unbox = TRUE)
