# Two-level probit of single items of two categories given covariates of rows and of clusters.
# usage: Rscript scripts/two_level_given.R   (from tests/reference, after two_level_ordinal.R, whose data it takes)
suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})
path <- "data/two_level_ordinal.csv"
D <- read.csv(path)
D$x <- sin(seq_len(nrow(D))) * 2 + 3
D$w <- cos(D$cluster)
item <- function(k) {
  d <- data.frame(high = as.integer(D[[paste0("y", k)]] >= 2), D[c("x", "w", "cluster")])
  f <- glmer(high ~ x + w + (1 | cluster), d, family = binomial("probit"), nAGQ = 25, control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12, optCtrl = list(rhobeg = 1e-3, rhoend = 1e-9)))
  b <- unname(fixef(f))
  list(threshold = -b[1], slopes = b[2:3], variance = VarCorr(f)$cluster[1])
}
out <- list(
  made_by = list(program = paste("lme4", packageVersion("lme4")), script = "scripts/two_level_given.R", file = "two_level_ordinal.csv", md5 = unname(tools::md5sum(path))),
  binary = lapply(1:4, item)
)
write_json(out, "values/two_level_given.json", digits = NA, auto_unbox = TRUE)
