# Writes values/reliability_models.json: omega of one-factor models by lavaan and semTools.
# Run in tests/reference: Rscript scripts/reliability_models.R
suppressPackageStartupMessages({library(lavaan); library(semTools)})
num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", as.numeric(v)))
json <- function(x) {
  if (is.list(x)) {
    body <- vapply(seq_along(x), function(i) paste0("\"", names(x)[i], "\": ", json(x[[i]])), "")
    return(paste0("{", paste(body, collapse = ",\n"), "}"))
  }
  s <- if (is.numeric(x)) num(x) else paste0("\"", x, "\"")
  if (length(x) == 1) s else paste0("[", paste(s, collapse = ", "), "]")
}
d <- read.csv("data/likert.csv")[, paste0("q", 1:12)]
d$q4 <- 6 - d$q4
d$q9 <- 6 - d$q9
themes <- list(first = paste0("q", 1:4), second = paste0("q", 5:8), third = paste0("q", 9:12))
one <- function(v) {
  model <- paste("f =~", paste(v, collapse = " + "))
  tight <- list(rel.tol = 1e-14)
  ml <- cfa(model, d, std.lv = TRUE, control = tight)
  cat <- cfa(model, d, ordered = v, std.lv = TRUE, control = tight)
  list(ml = list(omega = as.numeric(compRelSEM(ml)), omega_model = as.numeric(compRelSEM(ml, obs.var = FALSE)),
                 ave = as.numeric(AVE(ml)), maximal = as.numeric(unlist(maximalRelia(ml))),
                 loading = as.numeric(lavInspect(ml, "est")$lambda),
                 standardized = as.numeric(lavInspect(ml, "std")$lambda)),
       ordinal = list(categorical = as.numeric(compRelSEM(cat)),
                      standardized = as.numeric(lavInspect(cat, "std")$lambda)))
}
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                        semTools = as.character(packageVersion("semTools")),
                        md5 = list(likert.csv = unname(tools::md5sum("data/likert.csv")))))
out <- c(out, lapply(themes, one))
writeLines(json(out), "values/reliability_models.json")
