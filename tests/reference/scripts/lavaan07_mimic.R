# Values of lavaan 0.7-2: ordinal items given covariates (latent regression, direct effects).
# usage, with lavaan >= 0.7-2 installed: Rscript scripts/lavaan07_mimic.R   (from tests/reference)
library(lavaan)
library(jsonlite)
stopifnot(packageVersion("lavaan") >= "0.7.2")
D <- read.csv("data/bfi_covariates.csv")
A <- paste0("A", 1:5)
N <- paste0("N", 1:5)
mA <- "A =~ A1+A2+A3+A4+A5\nA ~ gender01 + age10"
models <- list(
  mA = mA,
  mAN = "A =~ A1+A2+A3+A4+A5\nN =~ N1+N2+N3+N4+N5\nA ~ gender01 + age10\nN ~ A + gender01 + age10",
  mDIF = paste0(mA, "\nA4 ~ gender01")
)
one <- function(f) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  list(
    n_obs = lavInspect(f, "ntotal"), fit = as.list(suppressWarnings(fitMeasures(f))), parameters = as.list(p),
    standardized = as.list(as.data.frame(standardizedSolution(f))),
    indices = as.list(head(as.data.frame(modindices(f, sort. = TRUE)), 12))
  )
}
out <- list(made_by = list(
  program = paste("lavaan", packageVersion("lavaan")), script = "scripts/lavaan07_mimic.R",
  file = "bfi_covariates.csv", md5 = unname(tools::md5sum("data/bfi_covariates.csv"))
), models = models)
for (kind in c("WLSMV", "ULSMV")) for (name in names(models)) {
  out[[paste(name, kind, sep = "_")]] <- one(sem(models[[name]], D, ordered = c(A, N), estimator = kind))
}
out$mA_theta <- one(sem(mA, D, ordered = A, parameterization = "theta"))
out$mA_theta$indices <- NULL
write_json(out, "values/lavaan07_mimic.json", digits = NA, auto_unbox = TRUE, na = "null")
