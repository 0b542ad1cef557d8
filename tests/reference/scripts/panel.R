# Panel models and growth curves by lavaan.
# usage (from tests/reference): Rscript scripts/panel.R observed   with lavaan >= 0.7-2: values/lavaan07_panel.json
#                               Rscript scripts/panel.R latent     any lavaan since 0.6-14: values/panel_latent.json
library(lavaan)
library(jsonlite)
part <- commandArgs(TRUE)[1]
pairs <- function(x) combn(x, 2, simplify = FALSE)
structure_of <- function(at, equal = FALSE) {
  k <- function(label) if (equal) paste0(label, "*") else ""
  unlist(lapply(2:4, function(t) c(
    paste0(at("a", t), " ~ ", k("aa"), at("a", t - 1), " + ", k("ad"), at("d", t - 1)),
    paste0(at("d", t), " ~ ", k("da"), at("a", t - 1), " + ", k("dd"), at("d", t - 1))
  )))
}
random_intercepts <- function(shown, equal = FALSE) {
  w <- function(v, t) paste0("w", v, t)
  lines <- NULL
  for (v in c("a", "d")) {
    lines <- c(lines, paste0("RI", v, " =~ ", paste0("1*", shown(v, 1:4), collapse = " + ")))
    for (t in 1:4) lines <- c(lines, paste0(w(v, t), " =~ 1*", shown(v, t)), paste0(shown(v, t), " ~~ 0*", shown(v, t)))
    for (t in 1:4) lines <- c(lines, paste0(w(v, t), " ~~ ", w(v, t)))
  }
  c(
    lines, structure_of(w, equal), "RIa ~~ RIa", "RId ~~ RId", "RIa ~~ RId", "RIa + RId ~~ 0*wa1 + 0*wd1",
    paste0("wa", 1:4, " ~~ wd", 1:4)
  )
}
measured <- function() {
  lines <- NULL
  for (v in c("a", "d")) {
    for (t in 1:4) lines <- c(lines, sprintf("f%s%d =~ %s1_%d + %s.2*%s2_%d + %s.3*%s3_%d", v, t, v, t, v, v, t, v, v, t))
    for (j in 1:3) for (p in pairs(1:4)) lines <- c(lines, sprintf("%s%d_%d ~~ %s%d_%d", v, j, p[1], v, j, p[2]))
  }
  lines
}
one <- function(f) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = FALSE, remove.eq = FALSE))
  s <- as.data.frame(standardizedSolution(f))
  list(
    n_obs = lavInspect(f, "ntotal"), fit = as.list(fitMeasures(f)),
    parameters = as.list(p[p$op != "==", ]), standardized = as.list(s[s$op != "==", ])
  )
}
out <- list(made_by = list(program = paste("lavaan", packageVersion("lavaan")), script = "scripts/panel.R"))
if (part == "observed") {
  stopifnot(packageVersion("lavaan") >= "0.7.2")
  file <- "panel_two_variables.csv"
  D <- read.csv(file.path("data", file))
  means <- c(paste0("a", 1:4, " ~ 1"), paste0("d", 1:4, " ~ 1"))
  text <- function(equal) paste(c(random_intercepts(paste0, equal), means), collapse = "\n")
  clpm <- paste(c(structure_of(paste0), paste0("a", 1:4, " ~~ d", 1:4)), collapse = "\n")
  free <- lavaan(text(FALSE), D, missing = "fiml")
  equal <- lavaan(text(TRUE), D, missing = "fiml")
  out$riclpm_fiml <- one(free)
  out$riclpm_MLR <- one(lavaan(text(FALSE), D, missing = "fiml", estimator = "MLR"))
  out$riclpm_equal <- one(equal)
  out$clpm_fiml <- one(sem(clpm, D, missing = "fiml", fixed.x = FALSE))
  out$lrt <- as.list(as.data.frame(lavTestLRT(free, equal)))
  target <- "values/lavaan07_panel.json"
} else {
  file <- "panel_latent.csv"
  D <- read.csv(file.path("data", file))
  f <- function(v, t) paste0("f", v, t)
  disturbed <- paste0("fa", 1:4, " ~~ fd", 1:4)
  out$latent_riclpm <- one(sem(paste(c(measured(), random_intercepts(f)), collapse = "\n"), D, missing = "fiml", estimator = "MLR"))
  out$latent_clpm <- one(sem(paste(c(measured(), structure_of(f), disturbed), collapse = "\n"), D, missing = "fiml", estimator = "MLR"))
  curve <- "i =~ 1*a1_1 + 1*a1_2 + 1*a1_3 + 1*a1_4\ns =~ 0*a1_1 + 1*a1_2 + 2*a1_3 + 3*a1_4"
  out$growth_fiml <- one(growth(curve, D, missing = "fiml"))
  out$growth_listwise_MLR <- one(growth(paste0(curve, "\ni + s ~ d1_1\na1_3 ~ d1_3"), D, estimator = "MLR"))
  target <- "values/panel_latent.json"
}
out$made_by$file <- file
out$made_by$md5 <- unname(tools::md5sum(file.path("data", file)))
write_json(out, target, digits = NA, auto_unbox = TRUE, na = "null")
