# Constraints, bounds, composites and exploratory blocks by lavaan 0.7-2: values/lavaan07_models.json
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
M <- read.csv("data/holzinger_missing07.csv")
# the first of the two is taken
out[["aux_constraints:aux_fiml"]] <- one(cfa(three, M, missing = "fiml", aux = c("ageyr", "sex")))
P <- read.csv("data/political_democracy.csv")
B <- read.csv("data/bfi_covariates.csv")
c1 <- "C <~ x1 + x2 + x3\ndem60 =~ y1+y2+y3+y4\ndem60 ~ C"
c2 <- "C <~ x1 + x2 + x3\nD <~ y1 + y2 + y3 + y4\nE =~ y5+y6+y7+y8\nD ~ C\nE ~ D + C"
c3 <- "C <~ x1 + x2\nvisual =~ x4+x5+x6\nspeed =~ x7+x8+x9\nspeed ~ visual + C"
c4 <- "C <~ x1+x2+x3\nD <~ x4+x5+x6\nE <~ x7+x8+x9\nC ~~ D\nC ~~ E\nD ~~ E"
cb <- "C <~ A1 + A2 + A3\nN =~ N1+N2+N3+N4+N5\nN ~ C"
out[["composites:c1_ML"]] <- one(sem(c1, P))
out[["composites:c2_ML"]] <- one(sem(c2, P))
out[["composites:c3_ML"]] <- one(sem(c3, H))
out[["composites:c4_ML"]] <- one(sem(c4, H))
out[["composites:c1_MLR"]] <- one(sem(c1, P, estimator = "MLR"))
out[["composites:c3_fiml"]] <- one(sem(c3, M, missing = "fiml"))
out[["composites:cb_ML"]] <- one(sem(cb, B))
out[["composites:c3_group"]] <- one(sem(c3, H, group = "school"))
E2 <- 'efa("b")*F1 + efa("b")*F2 =~ A1+A2+A3+A4+A5+N1+N2+N3+N4+N5'
ord <- names(B)[1:10]
for (r in c("geomin", "oblimin", "quartimin", "varimax")) {
  out[[paste0("esem:E2_ML_", r)]] <- one(cfa(E2, B, rotation = r))
}
out[["esem:E2_MLR_geomin"]] <- one(cfa(E2, B, estimator = "MLR", rotation = "geomin"))
out[["esem:E2_WLSMV_geomin"]] <- one(cfa(E2, B, ordered = ord, rotation = "geomin"))
out[["esem:E2_WLSMV_oblimin"]] <- one(cfa(E2, B, ordered = ord, rotation = "oblimin"))
out[["esem:E2r_ML"]] <- one(cfa(paste0(E2, "\nF1 + F2 ~ gender01 + age10"), B, rotation = "geomin"))
out[["esem:E2_group"]] <- one(cfa(E2, B, group = "gender01", rotation = "geomin"))
tg <- matrix(0, 10, 2)
tg[1:5, 1] <- NA
tg[6:10, 2] <- NA
out[["esem:E2_target"]] <- one(cfa(E2, B, rotation = "target", rotation.args = list(target = tg)))
write_json(out, "values/lavaan07_models.json", auto_unbox = TRUE, digits = 11, na = "null")
