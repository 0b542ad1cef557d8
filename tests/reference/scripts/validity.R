# Reference values of discriminant, known-groups and incremental validity.
# Run in tests/reference/scripts: Rscript validity.R
Sys.setenv(OMP_NUM_THREADS = "1")
suppressPackageStartupMessages({library(lavaan); library(semTools)})

number <- function(v) ifelse(is.finite(v), sprintf("%.17g", v), "null")
text <- function(v) paste0('"', gsub('(["\\\\])', "\\\\\\1", v), '"')
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.data.frame(x)) x <- as.matrix(x)
  if (is.matrix(x)) return(paste0("[", paste(apply(unname(x), 1, function(r) paste0("[", paste(number(r), collapse = ","), "]")), collapse = ",\n"), "]"))
  if (is.list(x)) return(paste0("{", paste0(text(names(x)), ":", vapply(x, json, ""), collapse = ",\n"), "}"))
  v <- if (is.character(x)) text(x) else number(as.numeric(x))
  if (length(v) == 1) v else paste0("[", paste(v, collapse = ","), "]")
}

likert <- read.csv("../data/likert.csv"); continuous <- read.csv("../data/continuous.csv")
items <- paste0("q", 1:12)
model <- "one =~ q1+q2+q3+q4\ntwo =~ q5+q6+q7+q8\nthree =~ q9+q10+q11+q12"
themes <- list(one = items[1:4], two = items[5:8], three = items[9:12])

# Written out from Henseler et al. (2015) and Roemer et al. (2021), beside semTools.
ratio <- function(R, average) {
  A <- abs(R); within <- sapply(themes, function(t) average(A[t, t][lower.tri(diag(4))]))
  M <- diag(3); for (i in 2:3) for (j in 1:(i - 1)) M[i, j] <- M[j, i] <- average(A[themes[[i]], themes[[j]]]) / sqrt(within[i] * within[j])
  M
}
geometric <- function(v) exp(mean(log(v)))
polychoric <- unclass(lavCor(likert[items], ordered = items, output = "cor"))
square <- function(m) unname(as.matrix(unclass(m))) + t(unname(as.matrix(unclass(m)))) * upper.tri(diag(3)) * (unname(as.matrix(unclass(m)))[1, 2] == 0)
htmt_values <- list(
  semtools = list(htmt = square(htmt(model, likert[items], htmt2 = FALSE)), htmt2 = square(htmt(model, likert[items], htmt2 = TRUE))),
  pearson = list(htmt = ratio(cor(likert[items]), mean), htmt2 = ratio(cor(likert[items]), geometric)),
  polychoric = list(htmt = ratio(polychoric, mean), htmt2 = ratio(polychoric, geometric)))

keyed <- likert[items]; keyed$q4 <- 6 - keyed$q4; keyed$q9 <- 6 - keyed$q9
fit <- cfa(model, keyed, std.lv = TRUE)
est <- lavInspect(fit, "est"); standardised <- lavInspect(fit, "std")
extracted <- list(loadings = rowSums(est$lambda), errors = diag(est$theta), standardized = rowSums(standardised$lambda),
  correlations = as.matrix(unclass(standardised$psi)), ave = unclass(AVE(fit)), composite = unclass(compRelSEM(fit, obs.var = FALSE)))

# Hedges' g: exact factor, interval by inverting the noncentral t.
g <- function(x, y) {
  n <- c(length(x), length(y)); df <- sum(n) - 2; s <- sqrt(sum((n - 1) * c(var(x), var(y))) / df); k <- sqrt(sum(1 / n))
  t <- (mean(y) - mean(x)) / (s * k); J <- exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
  ncp <- function(p) uniroot(function(d) pt(t, df, d) - p, c(t - 8, t + 8), tol = 1e-13)$root
  c(t, ncp(.975), ncp(.025)) * J * k
}
keyed$total <- rowMeans(keyed[items]); keyed$group <- likert$group; keyed$site <- likert$site
a <- keyed$total[keyed$group == "a"]; b <- keyed$total[keyed$group == "b"]
tt <- t.test(b, a); w <- suppressWarnings(wilcox.test(b, a, correct = TRUE, exact = FALSE))
ow <- oneway.test(total ~ site, keyed); kw <- kruskal.test(total ~ factor(site), keyed); an <- anova(lm(total ~ site, keyed))
howell <- function(x, y) { v <- var(x) / length(x) + var(y) / length(y); d <- (mean(y) - mean(x)) / sqrt(v)
  df <- v^2 / ((var(x) / length(x))^2 / (length(x) - 1) + (var(y) / length(y))^2 / (length(y) - 1)); ptukey(abs(d) * sqrt(2), 3, df, lower.tail = FALSE) }
sites <- split(keyed$total, keyed$site)
groups <- list(
  two = list(n = c(length(a), length(b)), mean = c(mean(a), mean(b)), sd = c(sd(a), sd(b)), median = c(median(a), median(b)), statistic = unname(tt$statistic),
    df2 = unname(tt$parameter), pvalue = tt$p.value, ci = as.numeric(tt$conf.int), u = unname(w$statistic), u_pvalue = w$p.value, hedges_g = g(a, b)),
  three = list(statistic = unname(ow$statistic), df1 = unname(ow$parameter[1]), df2 = unname(ow$parameter[2]), pvalue = ow$p.value,
    eta_squared = an[1, 2] / sum(an[, 2]), h = unname(kw$statistic), h_pvalue = kw$p.value,
    howell = list(`north:south` = howell(sites$north, sites$south), `north:west` = howell(sites$north, sites$west), `south:west` = howell(sites$south, sites$west)),
    g = list(`north:south` = g(sites$north, sites$south), `north:west` = g(sites$north, sites$west), `south:west` = g(sites$south, sites$west))))

continuous$word <- ifelse(continuous$grp == 1, "first", "second")
small <- lm(x9 ~ x7 + word, continuous); full <- lm(x9 ~ x7 + word + x8 + x1, continuous); change <- anova(small, full)
X <- model.matrix(full); h <- hatvalues(full); e <- residuals(full); bread <- solve(crossprod(X))
hc3 <- sqrt(diag(bread %*% crossprod(X * (e / (1 - h))) %*% bread))
increment <- list(r_squared_baseline = summary(small)$r.squared, r_squared_full = summary(full)$r.squared, delta_r_squared = summary(full)$r.squared - summary(small)$r.squared,
  delta_r_squared_adjusted = summary(full)$adj.r.squared - summary(small)$adj.r.squared, f = change$F[2], df1 = change$Df[2], df2 = change$Res.Df[2], pvalue = change$`Pr(>F)`[2],
  cohen_f2 = (summary(full)$r.squared - summary(small)$r.squared) / (1 - summary(full)$r.squared),
  terms = names(coef(full)), estimate = unname(coef(full)), se = unname(hc3), standardized = unname((coef(full) * apply(X, 2, sd) / sd(continuous$x9))[-1]))

p <- cor.test(continuous$x1, continuous$x2); s <- suppressWarnings(cor.test(continuous$x1, continuous$x2, method = "spearman", exact = FALSE))
sr <- unname(s$estimate); reach <- qnorm(.975) * sqrt((1 + sr^2 / 2) / (400 - 3))
correlations <- list(pearson = list(estimate = unname(p$estimate), ci = as.numeric(p$conf.int), pvalue = p$p.value),
  spearman = list(estimate = sr, ci = tanh(atanh(sr) + c(-1, 1) * reach), pvalue = s$p.value))

values <- list(
  meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")),
    likert_md5 = unname(tools::md5sum("../data/likert.csv")), continuous_md5 = unname(tools::md5sum("../data/continuous.csv"))),
  htmt = htmt_values, extracted = extracted, groups = groups, increment = increment, correlations = correlations)
writeLines(json(values), "../values/validity.json")
