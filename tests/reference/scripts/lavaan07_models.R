# Constraints and bounds by lavaan 0.7-2: values/lavaan07_models.json
# usage (from tests/reference): Rscript scripts/lavaan07_models.R
library(lavaan)
library(jsonlite)
stopifnot(packageVersion("lavaan") >= "0.7.2")
files <- c("holzinger1939.csv", "holzinger_missing07.csv", "political_democracy.csv", "bfi_covariates.csv")
H <- read.csv("data/holzinger1939.csv")
indices <- as.vector(outer(
  c("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue"),
  c("", ".scaled", ".robust"), paste0
))
indices <- c(indices, "chisq.scaling.factor", "srmr", "aic", "bic", "logl", "npar")
one <- function(f) {
  m <- fitMeasures(f)
  rows <- function(p, names) as.list(p[!p$op %in% c("==", "<", ">"), intersect(names, names(p))])
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  list(
    n_obs = lavInspect(f, "ntotal"), fit = as.list(m[intersect(indices, names(m))]),
    parameters = rows(p, c("lhs", "op", "rhs", "group", "est", "se")),
    standardized = rows(as.data.frame(standardizedSolution(f)), c("lhs", "op", "rhs", "est.std", "se"))
  )
}
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
labelled <- sub("x1 + x2 + x3", "x1 + b2*x2 + b3*x3", three, fixed = TRUE)
out <- list(made_by = list(
  program = paste("lavaan", packageVersion("lavaan")), script = "scripts/lavaan07_models.R",
  md5 = as.list(tools::md5sum(file.path("data", files)))
))
out[["aux_constraints:nonlinear"]] <- one(cfa(paste0(labelled, "\nb2 == b3^2 + .1\nr := b2/b3"), H))
out[["aux_constraints:inequality"]] <- one(cfa(paste0(labelled, "\nb2 > .7"), H))
out[["aux_constraints:bounds"]] <- one(cfa(three, H, bounds = "standard"))
write_json(out, "values/lavaan07_models.json", auto_unbox = TRUE, digits = 11, na = "null")
