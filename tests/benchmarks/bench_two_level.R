# Called by bench_two_level.py: Rscript bench_two_level.R FOLDER REPEATS → median seconds of processor as JSON
suppressPackageStartupMessages(library(lavaan))
library(jsonlite)
arguments <- commandArgs(trailingOnly = TRUE)
complete <- read.csv(file.path(arguments[1], "complete.csv"))
missing <- read.csv(file.path(arguments[1], "missing.csv"))
calls <- fromJSON(file.path(arguments[1], "calls.json"), simplifyDataFrame = FALSE)
repeats <- as.integer(arguments[2])
invisible(cfa("f =~ y1 + y2 + y3", complete))  # warm-up
seconds <- list()
for (call in calls) {
  times <- if (call$estimator == "MLR" || call$missing) as.integer(ceiling(repeats / 3)) else repeats
  fit <- function() sem(call$model, if (call$missing) missing else complete, cluster = "cluster", estimator = call$estimator,
    missing = if (call$missing) "fiml" else "listwise")
  seconds[[call$name]] <- median(vapply(seq_len(times), function(i) { gc(FALSE); sum(system.time(fit())[c("user.self", "sys.self")]) }, 0))
}
cat("RESULT {", paste0('"', names(seconds), '": ', unlist(seconds), collapse = ", "), "}\n", sep = "")
cat("VERSIONS R ", as.character(getRversion()), ", lavaan ", as.character(packageVersion("lavaan")), "\n", sep = "")
