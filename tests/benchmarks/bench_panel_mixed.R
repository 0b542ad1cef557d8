# Processor seconds of lavaan for the models of bench_panel_mixed.py; prints one JSON object.
suppressMessages(library(lavaan))
data <- commandArgs(TRUE)[1]
read <- function(name) read.csv(file.path(data, name))
P <- read("panel_two_variables.csv")
B <- read("bfi_covariates.csv")
M <- read("mixed.csv")
seconds <- function(run) median(replicate(3, sum(system.time(run())[1:2])))
panel <- paste(readLines(file.path(data, "..", "..", "benchmarks", "ri_clpm.txt")), collapse = "\n")
A <- paste0("A", 1:5)
N <- paste0("N", 1:5)
one <- "A =~ A1 + A2 + A3 + A4 + A5\nA ~ gender01 + age10"
two <- paste0("N =~ N1 + N2 + N3 + N4 + N5\n", one, "\nN ~ A + gender01 + age10")
mixed <- "f =~ q1 + q2 + q3 + q4\ng =~ y1 + y2 + y3\ng ~ f"
out <- c(
  "RI-CLPM, FIML" = seconds(function() sem(panel, P, missing = "fiml")),
  "RI-CLPM, FIML with MLR" = seconds(function() sem(panel, P, missing = "fiml", estimator = "MLR")),
  "MIMIC, 5 ordinal items" = seconds(function() sem(one, B, ordered = A)),
  "MIMIC, 10 ordinal items" = seconds(function() sem(two, B, ordered = c(A, N))),
  "mixed, 4 ordinal and 3 continuous" = seconds(function() sem(mixed, M, ordered = paste0("q", 1:4)))
)
cat(sprintf("{%s}\n", paste(sprintf('"%s": %.4f', names(out), out), collapse = ", ")))
