# Ordinal items beside continuous indicators and covariates, by lavaan (any version since 0.6-14).
# usage: Rscript scripts/mixed.R   (from tests/reference); writes values/mixed.json
library(lavaan)
library(jsonlite)
D <- read.csv("data/mixed.csv")
one <- function(f, mi = FALSE) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  s <- as.data.frame(standardizedSolution(f))
  out <- list(
    n_obs = lavInspect(f, "ntotal"), fit = as.list(suppressWarnings(fitMeasures(f))),
    parameters = as.list(p[p$op != "==", ]), standardized = as.list(s[s$op != "==", ])
  )
  if (mi) out$indices <- as.list(head(as.data.frame(modindices(f, sort. = TRUE)), 12))
  out
}
Q <- paste0("q", 1:4)
two <- "f =~ q1 + q2 + q3 + q4\ng =~ y1 + y2 + y3"
crossed <- "f =~ q1 + q2 + y1\ng =~ q3 + q4 + y2 + y3"
path <- paste0(two, "\ng ~ f")
related <- paste0(two, "\ny1 ~~ y2\nq1 ~~ y3")
x <- paste0(path, "\nf ~ age + woman\ng ~ woman")
dif <- paste0(x, "\nq3 ~ woman")
missing <- gsub("([qy][1-4])", "\\1m", dif)
M <- paste0(Q, "m")
out <- list(
  made_by = list(
    program = paste("lavaan", packageVersion("lavaan")), script = "scripts/mixed.R", file = "mixed.csv",
    md5 = unname(tools::md5sum("data/mixed.csv"))
  ),
  models = list(two = two, crossed = crossed, path = path, related = related, x = x, dif = dif, missing = missing),
  two = one(sem(two, D, ordered = Q), TRUE), two_ULSMV = one(sem(two, D, ordered = Q, estimator = "ULSMV")),
  two_theta = one(sem(two, D, ordered = Q, parameterization = "theta")), crossed = one(sem(crossed, D, ordered = Q)),
  path = one(sem(path, D, ordered = Q)), related = one(sem(related, D, ordered = Q)),
  related_theta = one(sem(related, D, ordered = Q, parameterization = "theta")), x = one(sem(x, D, ordered = Q), TRUE),
  x_ULSMV = one(sem(x, D, ordered = Q, estimator = "ULSMV")), dif = one(sem(dif, D, ordered = Q)),
  dif_theta = one(sem(dif, D, ordered = Q, parameterization = "theta")),
  missing = one(sem(missing, D, ordered = M, missing = "pairwise")),
  two_groups = one(sem(two, D, ordered = Q, group = "site")),
  two_groups_loadings = one(sem(two, D, ordered = Q, group = "site", group.equal = "loadings")),
  dif_groups = one(sem(dif, D, ordered = Q, group = "site", group.equal = c("loadings", "regressions")))
)
write_json(out, "values/mixed.json", digits = NA, auto_unbox = TRUE, na = "null")
