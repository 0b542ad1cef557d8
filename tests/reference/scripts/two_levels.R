# Clusters, sampling weights and two-level models by lavaan 0.7-2.
# usage, with lavaan >= 0.7-2 installed: Rscript scripts/two_levels.R   (from tests/reference)
library(lavaan)
library(jsonlite)
stopifnot(packageVersion("lavaan") >= "0.7.2")
path <- "data/two_levels.csv.gz"
D <- read.csv(path, colClasses = c(lost = "character"))
Y <- paste0("y", 1:6)
M <- D
for (k in 1:6) M[[Y[k]]][grepl(k, M$lost)] <- NA
cut5 <- function(v) as.integer(cut(v, c(-Inf, quantile(v, c(.1, .3, .6, .85)), Inf)))
O <- D
O[Y] <- lapply(O[Y], cut5)

syntax <- list(
  w1 = "level: 1\nfw =~ y1+y2+y3\nlevel: 2\nfb =~ y1+y2+y3",
  w2 = "level: 1\nfw =~ y1+y2+y3\nfw ~ x1+x2+x3\nlevel: 2\nfb =~ y1+y2+y3\nfb ~ w1+w2",
  w3 = "level: 1\nfw =~ a*y1+b*y2+c*y3\nlevel: 2\nfb =~ a*y1+b*y2+c*y3",
  w4 = "level: 1\nfw =~ y1+y2+y3\ngw =~ y4+y5+y6\ngw ~ fw\nlevel: 2\nfb =~ y1+y2+y3\ngb =~ y4+y5+y6\ngb ~ fb + w1",
  w5 = "level: 1\ny1 ~~ y2 + y3\ny2 ~~ y3\nlevel: 2\nfb =~ y1+y2+y3",
  one = "f =~ y1+y2+y3\ng =~ y4+y5+y6\ng ~ f"
)
solution <- function(f) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  list(n_obs = lavInspect(f, "ntotal"), n_parameters = lavInspect(f, "npar"), parameters = as.list(p[setdiff(names(p), "block")]),
    standardized = as.list(as.data.frame(standardizedSolution(f))[c("est.std", "se")]), fit = as.list(fitMeasures(f)))
}
out <- list(made_by = list(
  program = paste("lavaan", packageVersion("lavaan")), script = "scripts/two_levels.R", file = "two_levels.csv.gz",
  md5 = unname(tools::md5sum(path)),
  data = "lavaan's Demo.twolevel (2,500 rows in 200 clusters); wt drawn; lost names the y missing in the models with full information"
), syntax = syntax)
for (n in paste0("w", 1:5)) for (e in c("ML", "MLR"))
  out[[paste(n, e, sep = "_")]] <- solution(sem(syntax[[n]], D, cluster = "cluster", estimator = e))
out$w1_fiml <- solution(sem(syntax$w1, M, cluster = "cluster", missing = "fiml"))
out$w4_fiml_MLR <- solution(sem(syntax$w4, M, cluster = "cluster", missing = "fiml", estimator = "MLR"))
out$icc <- as.list(lavInspect(sem(syntax$w5, D, cluster = "cluster"), "icc"))
out$one_cluster_MLR <- solution(sem(syntax$one, D, cluster = "cluster", estimator = "MLR"))
out$one_cluster_fiml <- solution(sem(syntax$one, M, cluster = "cluster", missing = "fiml", estimator = "MLR"))
out$one_weights_MLR <- solution(sem(syntax$one, D, sampling.weights = "wt", estimator = "MLR"))
out$one_ordinal_cluster <- solution(sem(syntax$one, O, ordered = Y, cluster = "cluster"))
out$one_ordinal_weights <- solution(sem(syntax$one, O, ordered = Y, sampling.weights = "wt"))
write_json(out, "values/two_levels.json", digits = NA, auto_unbox = TRUE, na = "null")
