# Writes values/scoring.json: scale scores with a reversed item, prorated, and standard errors of measurement.
# Run in tests/reference: Rscript scripts/scoring.R
suppressPackageStartupMessages(library(psych))
num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", as.numeric(v)))
txt <- function(v) paste0("\"", v, "\"")
json <- function(x) {
  if (is.list(x)) {
    body <- vapply(seq_along(x), function(i) paste0(txt(names(x)[i]), ": ", json(x[[i]])), "")
    return(paste0("{", paste(body, collapse = ",\n"), "}"))
  }
  s <- if (is.numeric(x)) num(x) else txt(as.character(x))
  if (length(x) == 1) s else paste0("[", paste(s, collapse = ", "), "]")
}
keys <- list(f1 = c("q1", "q2", "q3", "-q4"), f2 = c("q5", "q6", "q7", "q8"), f3 = c("-q9", "q10", "q11", "q12"))
scored <- function(file, at) {
  d <- read.csv(file.path("data", file))[, paste0("q", 1:12)]
  s <- scoreItems(keys, d, impute = "none", min = 1, max = 5)$scores
  for (f in names(keys)) {
    n <- rowSums(!is.na(d[, sub("-", "", keys[[f]])]))
    s[n / 4 < at, f] <- NA
  }
  out <- as.list(as.data.frame(s))
  out$total <- rowMeans(s)
  out
}
complete <- scored("likert.csv", .75)
out <- list(
  meta = list(R = R.version.string, psych = as.character(packageVersion("psych")),
    md5 = list(likert.csv = unname(tools::md5sum("data/likert.csv")),
               likert_missing.csv = unname(tools::md5sum("data/likert_missing.csv")))),
  complete = complete,
  at_75 = scored("likert_missing.csv", .75),
  at_100 = scored("likert_missing.csv", 1),
  at_50 = scored("likert_missing.csv", .5),
  sem = list(f1 = sd(complete$f1) * sqrt(1 - .8), f2 = sd(complete$f2) * sqrt(1 - .7),
             total = sd(complete$total) * sqrt(1 - .85)))
writeLines(json(out), "values/scoring.json")
