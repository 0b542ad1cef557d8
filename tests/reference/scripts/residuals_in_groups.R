# Residuals of models in groups over their standard errors. Run from tests/reference: Rscript scripts/residuals_in_groups.R
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
D <- read.csv("data/continuous.csv"); L <- read.csv("data/likert.csv")
D$grp <- factor(D$grp, levels = unique(D$grp)); L$group <- factor(L$group, levels = unique(L$group))
D <- D[-which(D$grp == levels(D$grp)[2])[1:90], ]   # groups of unequal size
three <- "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"; two <- "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"
one <- function(f) lapply(lavResiduals(f, type = "cor.bentler"), function(g) list(cov = unname(unclass(g$cov)), z = unname(unclass(g$cov.z)), mean = as.numeric(g$mean), mean_z = as.numeric(g$mean.z)))
ord <- function(f) lapply(lavResiduals(f, type = "cor.bentler"), function(g) list(cov = unname(unclass(g$cov)), z = unname(unclass(g$cov.z))))
out <- list(made_by = list(lavaan = as.character(packageVersion("lavaan")), dropped = 90,
    files = c("continuous.csv", "likert.csv"), md5 = unname(tools::md5sum(c("data/continuous.csv", "data/likert.csv")))),
  ml = one(cfa(three, D, group = "grp", group.equal = c("loadings", "intercepts"))),
  mlr = one(cfa(three, D, group = "grp", group.equal = "loadings", estimator = "MLR")),
  wlsmv = ord(cfa(two, L, group = "group", group.equal = "loadings", ordered = paste0("q", 1:8))))
write(toJSON(out, auto_unbox = TRUE, digits = 17, na = "null"), "values/residuals_in_groups.json")
