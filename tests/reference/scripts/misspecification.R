# Power of modification indices and equivalence of what a model leaves out. Run from tests/reference:
# Rscript scripts/misspecification.R
suppressPackageStartupMessages({library(lavaan); library(semTools); library(jsonlite)})
D <- read.csv("data/continuous.csv"); L <- read.csv("data/likert.csv")
three <- "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
two <- "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"
of <- function(f) { m <- miPowerFit(f); m <- m[m$op %in% c("=~", "~~", "~"), ]
  list(lhs = m$lhs, op = m$op, rhs = m$rhs, mi = as.numeric(m$mi), sepc = as.numeric(m$std.epc), trivial = as.numeric(m$std.target.epc),
       high = m$high.power, significant = m$significant.mi, by_power = m$decision.pow, lower = as.numeric(m$lower.std.epc), upper = as.numeric(m$upper.std.epc), by_interval = m$decision.ci) }
res <- function(f) { r <- lavResiduals(f, type = "cor.bentler", se = TRUE); list(names = rownames(r$cov), cov = unname(unclass(r$cov)), se = unname(unclass(r$cov.se))) }
ml <- cfa(three, D); wl <- cfa(two, L, ordered = paste0("q", 1:8))
out <- list(made_by = list(lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")),
    files = c("continuous.csv", "likert.csv"), md5 = unname(tools::md5sum(c("data/continuous.csv", "data/likert.csv")))),
  ml = of(ml), wlsmv = of(wl), ml_residuals = res(ml), wlsmv_residuals = res(wl))
write(toJSON(out, auto_unbox = TRUE, digits = 17, na = "null"), "values/misspecification.json")
