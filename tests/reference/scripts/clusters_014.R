# Clusters with weights, with missing answers and in groups, by lavaan 0.6-14 (Debian 12).
# usage: Rscript scripts/clusters_014.R   (from tests/reference)
suppressPackageStartupMessages(library(lavaan))
library(jsonlite)
path <- "data/two_levels.csv.gz"
D <- read.csv(path, colClasses = c(lost = "character"))
Y <- paste0("y", 1:6)
M <- D
for (k in 1:6) M[[Y[k]]][grepl(k, M$lost)] <- NA
cut5 <- function(v) as.integer(cut(v, c(-Inf, quantile(v, c(.1, .3, .6, .85)), Inf)))
O <- D
O[Y] <- lapply(O[Y], cut5)
side <- function(d) { d$side <- ifelse(d$cluster %% 3 == 0, "b", "a"); d }
one <- "f =~ y1+y2+y3\ng =~ y4+y5+y6\ng ~ f"
get <- function(f) {
  p <- parameterEstimates(f)
  list(est = p$est, se = p$se, fit = as.list(fitMeasures(f)[c("chisq", "chisq.scaled", "df", "logl", "bic", "srmr", "rmsea", "cfi", "baseline.chisq.scaled")]))
}
out <- list(
  made_by = list(program = paste("lavaan", packageVersion("lavaan")), script = "scripts/clusters_014.R", file = "two_levels.csv.gz", md5 = unname(tools::md5sum(path))),
  weights_cluster = get(sem(one, D, estimator = "MLR", sampling.weights = "wt", cluster = "cluster")),
  weights_cluster_fiml = get(sem(one, M, estimator = "MLR", missing = "fiml", sampling.weights = "wt", cluster = "cluster")),
  weights_groups = get(sem(one, side(D), estimator = "MLR", sampling.weights = "wt", group = "side")),
  cluster_groups = get(sem(one, side(D), estimator = "MLR", cluster = "cluster", group = "side", group.equal = "loadings"))
)
robust <- c("cfi.robust", "tli.robust", "rmsea.robust", "rmsea.ci.upper.robust")
gaps <- sem("f =~ y1+y2+y3+y4+y5+y6", side(M), estimator = "MLR", missing = "fiml", sampling.weights = "wt", group = "side")
out$weights_fiml_groups <- c(get(gaps), list(robust = as.list(fitMeasures(gaps)[robust]), weight_sums = unlist(gaps@SampleStats@nobs)))
ord <- function(...) { f <- sem(one, side(O), ordered = Y, ...); p <- parameterEstimates(f); list(est = p$est, se = p$se, fit = as.list(fitMeasures(f)[c("chisq", "chisq.scaled", "df", "srmr")])) }
out$ordinal_weights_groups <- ord(sampling.weights = "wt", group = "side")
write_json(out, "values/clusters_014.json", digits = NA, auto_unbox = TRUE, na = "null")
