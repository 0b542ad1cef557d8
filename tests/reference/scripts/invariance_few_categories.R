# Invariance of items with two and three categories: run in tests/reference with `Rscript scripts/invariance_few_categories.R`.
suppressPackageStartupMessages({library(lavaan); library(semTools); library(jsonlite)})
D <- read.csv("data/likert.csv"); D$group <- factor(D$group, levels = unique(D$group))
items <- paste0("q", 1:8)
model <- "F1 =~ q1 + q2 + q3 + q4\nF2 =~ q5 + q6 + q7 + q8"
three <- two <- mixed <- D
for (i in items) { two[[i]] <- as.integer(D[[i]] > median(D[[i]])); three[[i]] <- pmin(pmax(D[[i]], 2), 4) }
levels <- list(configural = "", thresholds = "thresholds", metric = c("thresholds", "loadings"),
  scalar = c("thresholds", "loadings", "intercepts"), strict = c("thresholds", "loadings", "intercepts", "residuals"))
fm <- function(f) as.list(sapply(fitMeasures(f, c("chisq", "df", "chisq.scaled", "cfi.scaled", "rmsea.scaled", "srmr")), as.numeric))
fits <- function(X, which) lapply(levels[which], function(g) {
  s <- as.character(measEq.syntax(configural.model = model, data = X, ordered = items, parameterization = "theta",
    ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = "group", group.equal = g))
  cfa(s, X, group = "group", ordered = items, parameterization = "theta") })
lrt <- function(fs) { t <- as.data.frame(do.call(lavTestLRT, unname(fs))); list(chisq_diff = t[["Chisq diff"]], df_diff = t[["Df diff"]], pvalue_diff = t[["Pr(>Chisq)"]]) }
# two categories: thresholds and loadings alone restrict nothing (semTools' metric model fixes scales instead, so it is left out)
f3 <- fits(three, c("configural", "metric", "scalar", "strict")); f2 <- fits(two, c("configural", "scalar", "strict"))
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")),
    md5 = unname(tools::md5sum("data/likert.csv"))), model = model,
  three = list(levels = lapply(f3, fm), lrt = lrt(f3)), two = list(levels = lapply(f2, fm), lrt = lrt(f2)))
write(toJSON(out, auto_unbox = TRUE, digits = 17, pretty = TRUE, na = "null"), "values/invariance_few_categories.json")
