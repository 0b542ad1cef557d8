# Panel models in two groups (every third row, and the others) by lavaan: values/panel_groups.json
# usage (from tests/reference): Rscript scripts/panel_groups.R
suppressMessages({library(lavaan); library(jsonlite)})
one <- function(f) {
  p <- as.data.frame(parameterEstimates(f))
  s <- as.data.frame(standardizedSolution(f))
  names(s)[names(s) == "est.std"] <- "est"
  keep <- function(x) as.list(x[x$op == "~", c("lhs", "rhs", "group", "est", "se")])
  list(
    n = lavInspect(f, "nobs"), fit = as.list(fitMeasures(f)), paths = keep(p), standardized = keep(s),
    between = as.list(p[p$op == "~~" & p$lhs == "RIa" & p$rhs == "RId", c("group", "est", "se")]),
    means = as.list(p[p$op == "~1" & p$lhs == "fa3", c("group", "est", "se")])
  )
}
D <- read.csv("data/panel_two_variables.csv")
D$side <- ifelse(seq_len(nrow(D)) %% 3 == 1, "first", "second")
text <- function(lag) {
  lines <- NULL
  for (v in c("a", "d")) {
    lines <- c(lines, paste0("RI", v, " =~ ", paste0("1*", v, 1:4, collapse = " + ")))
    for (t in 1:4) lines <- c(
      lines, sprintf("w%s%d =~ 1*%s%d", v, t, v, t), sprintf("%s%d ~~ 0*%s%d", v, t, v, t),
      sprintf("w%s%d ~~ w%s%d", v, t, v, t), sprintf("%s%d ~ 1", v, t)
    )
  }
  for (t in 2:4) lines <- c(
    lines, sprintf("wa%d ~ %s*wa%d + %s*wd%d", t, lag("aa", t), t - 1, lag("ad", t), t - 1),
    sprintf("wd%d ~ %s*wa%d + %s*wd%d", t, lag("da", t), t - 1, lag("dd", t), t - 1)
  )
  c(lines, "RIa ~~ RIa", "RId ~~ RId", "RIa ~~ RId", "RIa + RId ~~ 0*wa1 + 0*wd1", paste0("wa", 1:4, " ~~ wd", 1:4))
}
run <- function(lag) lavaan(paste(text(lag), collapse = "\n"), D, estimator = "MLR", missing = "fiml", group = "side")
each <- run(function(k, t) sprintf("c(%s1, %s2)", k, k))
both <- run(function(k, t) k)
waves <- run(function(k, t) paste0(k, t))
L <- read.csv("data/panel_latent.csv")
L$side <- ifelse(seq_len(nrow(L)) %% 3 == 1, "first", "second")
lines <- NULL
for (v in c("a", "d")) {
  for (t in 1:4) {
    lines <- c(lines, sprintf("f%s%d =~ %s1_%d + %s.2*%s2_%d + %s.3*%s3_%d", v, t, v, t, v, v, t, v, v, t))
    for (j in 1:3) lines <- c(lines, sprintf("%s%d_%d ~ %s.i%d*1", v, j, t, v, j))
    lines <- c(lines, sprintf("f%s%d ~ %s*1", v, t, if (t == 1) "c(0, NA)" else "c(NA, NA)"))
  }
  for (j in 1:3) for (p in combn(1:4, 2, simplify = FALSE)) lines <- c(lines, sprintf("%s%d_%d ~~ %s%d_%d", v, j, p[1], v, j, p[2]))
}
for (t in 2:4) for (v in c("a", "d")) lines <- c(lines, sprintf("f%s%d ~ fa%d + fd%d", v, t, t - 1, t - 1))
lines <- c(lines, paste0("fa", 1:4, " ~~ fd", 1:4))
latent <- sem(paste(lines, collapse = "\n"), L, group = "side", missing = "fiml")
out <- list(
  made_by = list(
    program = paste("lavaan", packageVersion("lavaan")), script = "scripts/panel_groups.R",
    files = list(
      panel_two_variables.csv = unname(tools::md5sum("data/panel_two_variables.csv")),
      panel_latent.csv = unname(tools::md5sum("data/panel_latent.csv"))
    )
  ),
  lags_over_time = one(each), lags_over_time_and_groups = one(both), lags_between_groups = one(waves),
  latent_intercepts = one(latent),
  difference = as.list(as.data.frame(lavTestLRT(each, both)))
)
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, na = "null", pretty = FALSE), "values/panel_groups.json")
