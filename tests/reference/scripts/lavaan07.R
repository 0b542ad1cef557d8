# Values of lavaan 0.7-2: models whose conventions changed after 0.6-14.
# usage, with lavaan >= 0.7-2 installed: Rscript scripts/lavaan07.R   (from tests/reference)
library(lavaan)
library(jsonlite)
stopifnot(packageVersion("lavaan") >= "0.7.2")
D <- read.csv("data/bfi_covariates.csv")
A <- paste0("A", 1:5)

one <- function(f) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  list(n_obs = lavInspect(f, "ntotal"), fit = as.list(fitMeasures(f)), parameters = as.list(p[p$op != "==", ]))
}
levels <- list(
  configural = NULL, thresholds = "thresholds", th_load = c("thresholds", "loadings"),
  th_load_int = c("thresholds", "loadings", "intercepts"),
  strict = c("thresholds", "loadings", "intercepts", "residuals"), loadings = "loadings"
)
model <- "A =~ A1 + A2 + A3 + A4 + A5"
out <- list(made_by = list(
  program = paste("lavaan", packageVersion("lavaan")), script = "scripts/lavaan07.R",
  file = "bfi_covariates.csv", md5 = unname(tools::md5sum("data/bfi_covariates.csv"))
))
for (kind in c("delta", "theta")) for (name in names(levels)) {
  out[[paste(name, kind, sep = "_")]] <- one(cfa(
    model, D, ordered = A, group = "gender01", group.equal = levels[[name]], parameterization = kind
  ))
}
for (name in c("configural", "loadings", "scalar")) {
  equal <- list(configural = NULL, loadings = "loadings", scalar = c("loadings", "intercepts"))[[name]]
  out[[paste0("ML_", name)]] <- one(cfa(model, D, estimator = "MLR", group = "gender01", group.equal = equal))
}
out$lrt <- as.data.frame(lavTestLRT(
  cfa(model, D, ordered = A, group = "gender01"),
  cfa(model, D, ordered = A, group = "gender01", group.equal = "thresholds"),
  cfa(model, D, ordered = A, group = "gender01", group.equal = c("thresholds", "loadings"))
))
write_json(out, "values/lavaan07_groups_ordinal.json", digits = NA, auto_unbox = TRUE, na = "null")
