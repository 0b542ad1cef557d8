# Observed predictors of both levels, whose moments are parameters (fixed.x = FALSE), by lavaan (any version since 0.6-14).
# usage: Rscript scripts/two_level_predictors.R   (from tests/reference); writes values/two_level_predictors.json
library(lavaan)
library(jsonlite)
path <- "data/two_levels.csv.gz"
D <- read.csv(path, colClasses = c(lost = "character"))
D <- D[D$cluster <= 70, ]
M <- D
for (k in 1:3) M[[paste0("y", k)]][grepl(k, M$lost)] <- NA
syntax <- list(
  both = "level: 1\ny1 ~ y2 + x1\nlevel: 2\ny1 ~ y2 + w1",
  outcome_within = "level: 1\ny1 ~ a*y2 + x1\ny2 ~ x2\nlevel: 2\ny1 ~ b*y2 + w1\nmore := b - a",
  outcome_between = "level: 1\ny1 ~ y2 + x1\nlevel: 2\ny1 ~ y2 + w1\ny2 ~ w1",
  latent = "level: 1\nfw =~ y1 + y2 + y3\nfw ~ y4 + x1\nlevel: 2\nfb =~ y1 + y2 + y3\nfb ~ y4 + w1",
  alone = "level: 1\nfw =~ y1 + y2 + y3\nfw ~ y4\nlevel: 2\nfb =~ y1 + y2 + y3\nfb ~ y4"
)
one <- function(m, d, ...) {
  f <- sem(syntax[[m]], d, cluster = "cluster", fixed.x = FALSE, ...)
  p <- as.data.frame(parameterEstimates(f))
  s <- as.data.frame(standardizedSolution(f))
  wanted <- p$op %in% c("=~", "~", ":=")
  fit <- fitMeasures(f)
  kept <- c("chisq", "df", "chisq.scaled", "cfi", "tli", "cfi.scaled", "rmsea", "srmr_within", "srmr_between", "baseline.chisq", "baseline.df")
  list(model = m, n_obs = lavInspect(f, "ntotal"), fit = as.list(fit[intersect(kept, names(fit))]),
    parameters = as.list(cbind(p[wanted, c("lhs", "op", "rhs", "level", "est", "se")], std = s$est.std[wanted], std_se = s$se[wanted])))
}
out <- list(
  made_by = list(program = paste("lavaan", packageVersion("lavaan")), script = "scripts/two_level_predictors.R", file = "two_levels.csv.gz",
    md5 = unname(tools::md5sum(path)), data = "the first 70 clusters"),
  syntax = syntax,
  both = one("both", D), outcome_within = one("outcome_within", D), outcome_between = one("outcome_between", D), latent = one("latent", D),
  alone_MLR = one("alone", D, estimator = "MLR"), alone_gaps = one("alone", M, missing = "fiml")
)
write_json(out, "values/two_level_predictors.json", digits = NA, auto_unbox = TRUE, na = "null")
