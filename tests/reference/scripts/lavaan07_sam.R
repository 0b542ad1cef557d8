# Structure after measurement by lavaan 0.7-2: values/lavaan07_sam.json
# usage (from tests/reference): Rscript scripts/lavaan07_sam.R
library(lavaan)
library(jsonlite)
stopifnot(packageVersion("lavaan") >= "0.7.2")
files <- c("holzinger1939.csv", "political_democracy.csv", "bfi_covariates.csv")
P <- read.csv("data/political_democracy.csv")
H <- read.csv("data/holzinger1939.csv")
B <- read.csv("data/bfi_covariates.csv")
indices <- c(
  "chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue", "srmr",
  "aic", "bic", "logl"
)
one <- function(f, standardized = TRUE) {
  m <- fitMeasures(f)
  m <- m[intersect(indices, names(m))]
  found <- list(
    fit = as.list(m[!is.na(m)]), parameters = as.list(parameterEstimates(f)[c("lhs", "op", "rhs", "est", "se")])
  )
  if (standardized) {
    found$standardized <- as.list(as.data.frame(standardizedSolution(f))[c("lhs", "op", "rhs", "est.std", "se")])
  }
  found
}
pd <- paste(
  "ind60 =~ x1+x2+x3", "dem60 =~ y1+y2+y3+y4", "dem65 =~ y5+y6+y7+y8", "dem60 ~ ind60", "dem65 ~ ind60 + dem60",
  "y1 ~~ y5", "y2 ~~ y4 + y6", "y3 ~~ y7", "y4 ~~ y8", "y6 ~~ y8", sep = "\n"
)
hs <- "visual =~ x1+x2+x3\ntextual =~ x4+x5+x6\nspeed =~ x7+x8+x9\nspeed ~ visual + textual"
ord <- "A =~ A1+A2+A3+A4+A5\nN =~ N1+N2+N3+N4+N5\nN ~ A"
out <- list(made_by = list(
  program = paste("lavaan", packageVersion("lavaan")), script = "scripts/lavaan07_sam.R",
  md5 = as.list(tools::md5sum(file.path("data", files)))
))
out$pd_local <- one(sam(pd, P, sam_method = "local"))
out$pd_global <- one(sam(pd, P, sam_method = "global"))
out$hs_local <- one(sam(hs, H))
out$hs_mm <- one(sam(hs, H, mm_list = list("visual", "textual", "speed")))
out$bfi_ordinal_local <- one(sam(ord, B, ordered = names(B)[1:10]), standardized = FALSE)
write_json(out, "values/lavaan07_sam.json", auto_unbox = TRUE, digits = 11, na = "null")
