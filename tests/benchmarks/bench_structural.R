# Called by bench_structural.py: Rscript bench_structural.R FOLDER REPEATS ROWS,… → median seconds as JSON
suppressPackageStartupMessages({library(lavaan); library(psych); library(semTools)})
arguments <- commandArgs(trailingOnly = TRUE)
options(mc.cores = 1)
complete <- read.csv(file.path(arguments[1], "complete.csv"))
missing <- read.csv(file.path(arguments[1], "missing.csv"))
wanted <- strsplit(arguments[3], ",")[[1]]
items <- setdiff(names(complete), "group")
model <- paste(readLines(file.path(arguments[1], "model.txt")), collapse = "\n")
exploratory <- paste(readLines(file.path(arguments[1], "exploratory.txt")), collapse = "\n")
invisible({cfa(model, complete); polychoric(complete[1:300, 1:4], progress = FALSE)})  # warm-up

levels_of_invariance <- function() for (equal in list("", "thresholds", c("thresholds", "loadings"), c("thresholds", "loadings", "intercepts"))) {
  text <- as.character(measEq.syntax(configural.model = model, data = complete, ordered = items,
    parameterization = "theta", ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = "group", group.equal = equal))
  cfa(text, complete, group = "group", ordered = items, parameterization = "theta")
}
fitted_model <- NULL
rows <- list(
  polychoric_psych = function() polychoric(complete[items], progress = FALSE),
  polychoric_lavcor = function() lavCor(complete[items], ordered = items),
  wlsmv = function() cfa(model, complete, ordered = items),
  ml = function() cfa(model, complete),
  mlr = function() cfa(model, complete, estimator = "MLR"),
  fiml = function() cfa(model, missing, missing = "fiml"),
  fiml_mlr = function() cfa(model, missing, missing = "fiml", estimator = "MLR"),
  esem_wlsmv = function() cfa(exploratory, complete, ordered = items, rotation = "geomin"),
  esem_ml = function() cfa(exploratory, complete, rotation = "geomin"),
  invariance = levels_of_invariance,
  ebm = function() lavPredict(fitted_model, method = "EBM"))
with_indices <- c("wlsmv", "ml", "mlr", "fiml", "fiml_mlr")
slow <- c("polychoric_psych", "fiml_mlr", "esem_wlsmv", "esem_ml", "invariance", "ebm")
seconds <- list()
elapsed <- function(f) {gc(FALSE); sum(system.time(f())[c("user.self", "sys.self")])}
for (name in wanted) {
  if (name == "ebm") fitted_model <- cfa(model, complete, ordered = items)
  times <- if (name %in% slow) as.integer(ceiling(as.integer(arguments[2]) / 3)) else as.integer(arguments[2])
  seconds[[name]] <- median(vapply(seq_len(times), function(i) elapsed(rows[[name]]), 0))
  if (name %in% with_indices)
    seconds[[paste0(name, "_indices")]] <- median(vapply(seq_len(times), function(i) elapsed(function() fitMeasures(rows[[name]]())), 0))
}
cat("RESULT {", paste0('"', names(seconds), '": ', unlist(seconds), collapse = ", "), "}\n", sep = "")
cat("VERSIONS R ", as.character(getRversion()), ", lavaan ", as.character(packageVersion("lavaan")), ", psych ",
  as.character(packageVersion("psych")), ", semTools ", as.character(packageVersion("semTools")), "\n", sep = "")
