# Writes values/agreement.json: intraclass correlations and limits of agreement.
# Run in tests/reference: Rscript scripts/agreement.R
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
six <- function(x, alpha = .05) {
  i <- ICC(x, lmer = FALSE, alpha = alpha)
  r <- i$results
  list(type = as.character(r$type), icc = r$ICC, f = r$F, df1 = r$df1, df2 = r$df2, pvalue = r$p,
       ci_lower = r[["lower bound"]], ci_upper = r[["upper bound"]])
}
ratings <- matrix(c(9,2,5,8,6,1,3,2,8,4,6,8,7,1,2,6,10,5,6,9,6,2,4,7), ncol = 4, byrow = TRUE)
likert <- read.csv("data/likert.csv")[, c("q1", "q2", "q3")]
holed <- na.omit(read.csv("data/likert_missing.csv")[, c("q1", "q2", "q3")])
two <- read.csv("data/continuous_missing.csv")[, c("x1", "x2")]
d <- two$x2 - two$x1
m <- (two$x1 + two$x2) / 2
test <- t.test(d)
line <- summary(lm(d ~ m))$coefficients
out <- list(
  meta = list(R = R.version.string, psych = as.character(packageVersion("psych")),
    md5 = list(likert.csv = unname(tools::md5sum("data/likert.csv")),
               likert_missing.csv = unname(tools::md5sum("data/likert_missing.csv")),
               continuous_missing.csv = unname(tools::md5sum("data/continuous_missing.csv")))),
  shrout_fleiss = six(ratings), shrout_fleiss_90 = six(ratings, .10), likert = six(likert), dropped = six(holed),
  two = six(na.omit(two)),
  differences = list(bias = unname(test$estimate), ci_lower = test$conf.int[1], ci_upper = test$conf.int[2],
    sd = sd(d, na.rm = TRUE), n = sum(!is.na(d)), slope = line[2, 1], slope_pvalue = line[2, 4]))
writeLines(json(out), "values/agreement.json")
