# Called by bench_correlation.py: Rscript bench_correlation.R DATA.csv REPEATS → seconds as JSON (best of REPEATS)
suppressPackageStartupMessages({library(lavaan); library(psych)})
arguments <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arguments[1])
best <- function(f) min(vapply(seq_len(as.integer(arguments[2])), function(i) system.time(f())[["elapsed"]], 0))
model <- paste("f =~", paste(names(d), collapse = " + "))
values <- c(
  polychoric = best(function() polychoric(d, progress = FALSE)),
  lavCor = best(function() lavCor(d, ordered = names(d))),
  gamma = best(function() cfa(model, d, ordered = names(d), do.fit = FALSE)))
cat("RESULT {", paste0('"', names(values), '": ', values, collapse = ", "), "}\n", sep = "")
