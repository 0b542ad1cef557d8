# Pooling over completed data sets: alpha, omega and a factor model. Run from tests/reference: Rscript scripts/imputed_items.R
# Gaps are filled by a rule that any program can follow, so that only the pooling is compared.
suppressPackageStartupMessages({library(lavaan); library(mice); library(jsonlite)})
D <- read.csv("data/likert_missing.csv")[paste0("q", 1:4)]
D$q4 <- 6 - D$q4
filled <- function(m) { X <- as.matrix(D); for (j in 1:4) { gap <- which(is.na(X[, j])); X[gap, j] <- (gap - 1 + 2 * (j - 1) + m) %% 5 + 1 }; as.data.frame(X) }
sets <- lapply(1:5, filled)
model <- "f =~ NA*q1 + a*q1 + b*q2 + c*q3 + d*q4\nf ~~ 1*f\nq1 ~~ e*q1\nq2 ~~ g*q2\nq3 ~~ h*q3\nq4 ~~ k*q4\nomega := (a + b + c + d)^2 / ((a + b + c + d)^2 + e + g + h + k)"
fits <- lapply(sets, function(S) cfa(model, S))
pooled <- function(Q, U) { p <- pool.scalar(Q, U); list(estimate = p$qbar, within = p$ubar, between = p$b, total = p$t, df = p$df, fmi = p$fmi) }
alphas <- sapply(sets, function(S) { V <- cov(S); 4 / 3 * (1 - sum(diag(V)) / sum(V)) })
n <- nrow(D)
rows <- lapply(fits, parameterEstimates)
one <- rows[[1]]
parameters <- lapply(which(one$se > 0), function(r) c(list(lhs = one$lhs[r], op = one$op[r], rhs = one$rhs[r]),
  pooled(sapply(rows, function(t) t$est[r]), sapply(rows, function(t) t$se[r]^2))))
chisq <- sapply(fits, fitMeasures, "chisq"); k <- unname(fitMeasures(fits[[1]], "df")); m <- length(fits)
r <- (1 + 1 / m) * var(sqrt(chisq)); d2 <- (mean(chisq) / k - (m + 1) / (m - 1) * r) / (1 + r)
nu <- k^(-3 / m) * (m - 1) * (1 + 1 / r)^2
out <- list(made_by = list(lavaan = as.character(packageVersion("lavaan")), mice = as.character(packageVersion("mice")),
    files = "likert_missing.csv", md5 = unname(tools::md5sum("data/likert_missing.csv"))),
  alphas = alphas, alpha = pooled(log(1 - alphas), rep(2 * 4 / (3 * (n - 2)), m)), parameters = parameters,
  d2 = list(statistic = d2, df1 = k, df2 = nu, pvalue = pf(d2, k, nu, lower.tail = FALSE)))
write(toJSON(out, auto_unbox = TRUE, digits = 17, na = "null"), "values/imputed_items.json")
