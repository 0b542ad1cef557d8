# Measurement invariance: run in tests/reference with `Rscript scripts/invariance.R`.
suppressPackageStartupMessages({library(lavaan); library(semTools); library(jsonlite)})
D <- read.csv("data/likert.csv")
items <- paste0("q", 1:12)
model <- "F1 =~ q1 + q2 + q3 + q4\nF2 =~ q5 + q6 + q7 + q8\nF3 =~ q9 + q10 + q11 + q12"
names_of <- c("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr")
scaled <- c("chisq.scaled", "pvalue.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled")
fm <- function(f, n) as.list(setNames(as.numeric(fitMeasures(f, n)), n))
levels <- list(configural = "", thresholds = "thresholds", metric = c("thresholds", "loadings"),
  scalar = c("thresholds", "loadings", "intercepts"), strict = c("thresholds", "loadings", "intercepts", "residuals"))
D$group <- factor(D$group, levels = unique(D$group))
ordinal <- lapply(levels, function(g) {
  s <- as.character(measEq.syntax(configural.model = model, data = D, ordered = items, parameterization = "theta",
    ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = "group", group.equal = g))
  cfa(s, D, group = "group", ordered = items, parameterization = "theta") })
equal <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"), strict = c("loadings", "intercepts", "residuals"))
continuous <- lapply(equal, function(g) cfa(model, D, group = "group", estimator = "MLR", group.equal = g))
lrt <- function(fs) { t <- as.data.frame(do.call(lavTestLRT, unname(fs))); list(chisq_diff = t[["Chisq diff"]], df_diff = t[["Df diff"]], pvalue_diff = t[["Pr(>Chisq)"]]) }
scalar <- parameterEstimates(ordinal$scalar); means <- scalar[scalar$op == "~1" & scalar$lhs %in% c("F1", "F2", "F3"), c("lhs", "group", "est", "se")]
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")),
    md5 = unname(tools::md5sum("data/likert.csv"))),
  model = model, ordinal = lapply(ordinal, fm, c(names_of, scaled)), ordinal_lrt = lrt(ordinal),
  continuous = lapply(continuous, fm, c(names_of, scaled, "aic", "bic")), continuous_lrt = lrt(continuous), scalar_means = means)
write(toJSON(out, auto_unbox = TRUE, digits = 17, pretty = TRUE, na = "null"), "values/invariance.json")
