# Growth curves of one ordinal item at each wave by lavaan (0.6-14): in one group, in two, with a covariate and two categories.
# usage (from tests/reference): Rscript scripts/growth_ordinal.R
library(lavaan)
library(jsonlite)
waves <- paste0("a", 1:4)
data <- read.csv("data/panel_two_variables.csv")[, waves]
data[waves] <- lapply(data[waves], findInterval, c(2, 3, 4))
data$half <- rep(1:2, length.out = nrow(data))
data$x <- (seq_len(nrow(data)) %% 7) / 3
two <- data
two[waves] <- lapply(data[waves], function(column) as.integer(column >= 2))
factors <- c("i =~ 1*a1 + 1*a2 + 1*a3 + 1*a4", "s =~ 0*a1 + 1*a2 + 2*a3 + 3*a4")
curve <- function(first, thresholds, level, change, free) {
  c(
    factors, paste(waves, "|", thresholds), paste0("a1 + a2 + a3 + a4 ~ ", level[1], "*1"),
    paste0("i ~ ", level[2], "*1"), paste0("s ~ ", change, "*1"),
    paste0("a1 ~~ ", first, "*a1"), paste0(waves[-1], " ~~ ", free, "*", waves[-1])
  )
}
fitted <- function(model, data, ...) {
  fit <- sem(paste(model, collapse = "\n"), data, ordered = waves, parameterization = "theta", ...)
  rows <- as.data.frame(parameterEstimates(fit))
  if (is.null(rows$group)) rows$group <- 1
  rows <- rows[!(rows$op == "~1" & rows$lhs == "x") & !(rows$op == "~~" & rows$lhs == "x"), ]
  list(
    parameters = as.list(rows[, c("lhs", "op", "rhs", "group", "est", "se", "pvalue")]),
    fit = as.list(fitMeasures(fit, c("npar", "df", "chisq", "chisq.scaled", "pvalue.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled", "srmr")))
  )
}
three <- "c1*t1 + c2*t2 + c3*t3"
both <- "c(c1,c1)*t1 + c(c2,c2)*t2 + c(c3,c3)*t3"
found <- list(
  made_by = list(
    lavaan = as.character(packageVersion("lavaan")), R = R.version.string, script = "growth_ordinal.R",
    file = "panel_two_variables.csv", md5 = unname(tools::md5sum("data/panel_two_variables.csv"))
  ),
  one_group = fitted(curve("1", three, c("0", "0"), "NA", "NA"), data, missing = "pairwise"),
  two_groups = fitted(
    curve("c(1,NA)", both, c("c(0,0)", "c(0,NA)"), "c(NA,NA)", "c(NA,NA)"), data,
    missing = "pairwise", group = "half"
  ),
  two_categories_with_a_covariate = fitted(
    c(curve("1", "c1*t1", c("0", "0"), "NA", "1"), "i + s ~ x"), two, missing = "listwise"
  )
)
write(toJSON(found, auto_unbox = TRUE, digits = 12, na = "null", pretty = FALSE), "values/growth_ordinal.json")
