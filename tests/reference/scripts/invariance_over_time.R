# Invariance between waves: run in tests/reference with `Rscript scripts/invariance_over_time.R`.
# Two "waves" are the items q1-q3 and q10-q12 of the synthetic table, taken as if repeated.
suppressPackageStartupMessages({library(lavaan); library(semTools); library(jsonlite)})
D <- read.csv("data/likert.csv")
W <- setNames(cbind(D[paste0("q", 1:3)], D[paste0("q", 10:12)]), c(paste0("i", 1:3, ".w1"), paste0("i", 1:3, ".w2")))
model <- "f.w1 =~ i1.w1 + i2.w1 + i3.w1\nf.w2 =~ i1.w2 + i2.w2 + i3.w2"
facs <- list(f = c("f.w1", "f.w2")); inds <- lapply(1:3, function(k) paste0("i", k, c(".w1", ".w2"))); names(inds) <- paste0("i", 1:3)
n <- c("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr", "chisq.scaled", "pvalue.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled")
fm <- function(f) as.list(setNames(as.numeric(fitMeasures(f, n)), n))
lrt <- function(fs) { t <- as.data.frame(do.call(lavTestLRT, unname(fs))); list(chisq_diff = t[["Chisq diff"]], df_diff = t[["Df diff"]], pvalue_diff = t[["Pr(>Chisq)"]]) }
levels <- list(configural = "", thresholds = "thresholds", metric = c("thresholds", "loadings"),
  scalar = c("thresholds", "loadings", "intercepts"), strict = c("thresholds", "loadings", "intercepts", "residuals"))
ordinal <- lapply(levels, function(g) { s <- as.character(measEq.syntax(configural.model = model, data = W, ordered = names(W),
  parameterization = "theta", ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", longFacNames = facs, longIndNames = inds, auto = "all", long.equal = g))
  cfa(s, W, ordered = names(W), parameterization = "theta") })
equal <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"), strict = c("loadings", "intercepts", "residuals"))
continuous <- lapply(equal, function(g) { s <- as.character(measEq.syntax(configural.model = model, data = W, ID.fac = "std.lv",
  longFacNames = facs, longIndNames = inds, auto = "all", long.equal = g, meanstructure = TRUE)); cfa(s, W, estimator = "MLR") })
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")),
  md5 = unname(tools::md5sum("data/likert.csv"))), ordinal = lapply(ordinal, fm), ordinal_lrt = lrt(ordinal), continuous = lapply(continuous, fm), continuous_lrt = lrt(continuous))
write(toJSON(out, auto_unbox = TRUE, digits = 17, pretty = TRUE, na = "null"), "values/invariance_over_time.json")
