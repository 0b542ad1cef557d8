# Writes values/adherence.json: models of use after the landmark.
# Run in tests/reference: Rscript scripts/adherence.R
suppressPackageStartupMessages({library(survival); library(MASS)})
num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", as.numeric(v)))
txt <- function(v) paste0("\"", v, "\"")
json <- function(x) {
  if (is.list(x)) {
    body <- vapply(seq_along(x), function(i) paste0(txt(names(x)[i]), ": ", json(x[[i]])), "")
    return(paste0("{", paste(body, collapse = ",\n"), "}"))
  }
  s <- if (is.numeric(x)) num(x) else txt(as.character(x))
  paste0("[", paste(s, collapse = ", "), "]")
}
file <- "data/adherence.csv"
d <- read.csv(file, na.strings = "")
z <- function(v) (v - mean(v)) / sd(v)
d$z <- z(d$score); d$b <- z(d$before); d$w <- z(d$distress)
d$man <- as.numeric(d$sex == "man")
X <- cbind(1, d$z, d$b, d$w, d$man)
ctl <- glm.control(epsilon = 1e-14, maxit = 200)

# Remaining use: quasi-binomial, average marginal effect of z in sessions by the delta method.
q <- glm(cbind(done, due - done) ~ z + b + w + man, family = quasibinomial, data = d, control = ctl)
ame <- function(beta, m) mean(m * dlogis(X %*% beta) * beta[2])
delta <- function(beta, V, m) {
  g <- sapply(seq_along(beta), function(j) { h <- 1e-5; e <- replace(numeric(length(beta)), j, h)
    (ame(beta + e, m) - ame(beta - e, m)) / (2 * h) })
  sqrt(drop(t(g) %*% V %*% g))
}
quasi <- list(coefficients = unname(coef(q)), se = unname(sqrt(diag(vcov(q)))), dispersion = summary(q)$dispersion,
  pvalues = unname(summary(q)$coefficients[, 4]), df = q$df.residual,
  ame = ame(coef(q), d$due), ame_se = delta(coef(q), vcov(q), d$due))

# The same with weights and the sandwich (HC0).
wt <- 0.5 + plogis(d$w)
qw <- suppressWarnings(glm(cbind(done, due - done) ~ z + b + w + man, family = quasibinomial, data = d, weights = wt,
  control = ctl))
p <- fitted(qw); v <- wt * d$due * p * (1 - p)
bread <- solve(t(X) %*% (X * v))
# HC3: residuals over one less their leverage.
u <- X * (wt * (d$done - d$due * p) / (1 - rowSums((X %*% bread) * X) * v))
weighted <- list(weights = wt, coefficients = unname(coef(qw)), se = sqrt(diag(bread %*% (t(u) %*% u) %*% bread)))

# Beta-binomial by its likelihood.
bb <- function(t) {
  pr <- plogis(X %*% t[1:5]); tot <- (1 - plogis(t[6])) / plogis(t[6])
  -sum(lchoose(d$due, d$done) + lbeta(d$done + pr * tot, d$due - d$done + (1 - pr) * tot) - lbeta(pr * tot, (1 - pr) * tot))
}
o <- optim(c(coef(q), -1), bb, method = "BFGS", control = list(reltol = 1e-15, maxit = 2000))
o <- nlm(bb, o$par, gradtol = 1e-10, steptol = 1e-12, hessian = TRUE, iterlim = 1000, ndigit = 15)
H <- optimHess(o$estimate, bb, control = list(ndeps = rep(1e-4, 6)))
beta <- list(coefficients = o$estimate[1:5], se = sqrt(diag(solve(H)))[1:5], rho = plogis(o$estimate[6]), loglik = -o$minimum)

# Cox among those at risk, proportionality, Kaplan-Meier by half.
r <- d[!is.na(d$time), ]
cx <- coxph(Surv(time, event) ~ z + b + w + man, data = r, ties = "efron", control = coxph.control(eps = 1e-11, toler.chol = 1e-13, iter.max = 50))
zph <- cox.zph(cx, transform = "identity", terms = FALSE)$table
tied <- transform(r, time = ceiling(time / 7))
cx7 <- coxph(Surv(time, event) ~ z + b + w + man, data = tied, ties = "efron",
  control = coxph.control(eps = 1e-11, toler.chol = 1e-13, iter.max = 50))
zph7 <- cox.zph(cx7, transform = "identity", terms = FALSE)$table
as_list <- function(f, t) list(coefficients = unname(coef(f)), se = unname(sqrt(diag(vcov(f)))), loglik = f$loglik[2],
  n = f$n, events = f$nevent, zph_chisq = unname(t[, 1]), zph_p = unname(t[, 3]))
km <- survfit(Surv(time, event) ~ 1, data = r, conf.type = "log-log")

# Counts.
nb <- glm.nb(days ~ z + b + w + man, data = d, control = glm.control(epsilon = 1e-14, maxit = 500))
k <- function(th) { # observed information of (beta, alpha)
  mu <- exp(X %*% th[1:5]); s <- 1 / th[6]; -sum(dnbinom(d$days, size = s, mu = mu, log = TRUE)) }
nbH <- optimHess(c(coef(nb), 1 / nb$theta), k, control = list(ndeps = rep(1e-4, 6)))
zi <- function(t) { pr <- plogis(t[7]); f <- dnbinom(d$days, size = exp(-t[6]), mu = exp(X %*% t[1:5]))
  -sum(log(ifelse(d$days == 0, pr, 0) + (1 - pr) * f)) }
zo <- optim(c(coef(nb), log(1 / nb$theta), -1), zi, method = "BFGS", control = list(reltol = 1e-15, maxit = 5000))
pos <- d$days > 0
tr <- function(t) { mu <- exp(X[pos, ] %*% t[1:5]); s <- exp(-t[6])
  -sum(dnbinom(d$days[pos], size = s, mu = mu, log = TRUE) - log(1 - dnbinom(0, size = s, mu = mu))) }
to <- optim(c(coef(nb), log(1 / nb$theta)), tr, method = "BFGS", control = list(reltol = 1e-15, maxit = 5000))
hz <- glm(pos ~ z + b + w + man, family = binomial, data = d, control = ctl)
counts <- list(coefficients = unname(coef(nb)), se = sqrt(diag(solve(nbH)))[1:5], alpha = 1 / nb$theta,
  loglik = as.numeric(logLik(nb)), loglik_zero_inflated = -zo$value, loglik_hurdle = as.numeric(logLik(hz)) - to$value)

# Threshold: logistic, area under the curve with DeLong's variance from its placements.
lg <- glm(reached ~ z + b + w + man, family = binomial, data = d, control = ctl)
s <- fitted(lg); hi <- s[d$reached == 1]; lo <- s[d$reached == 0]
psi <- outer(hi, lo, function(a, b) (a > b) + 0.5 * (a == b))
auc <- mean(psi)
se <- sqrt(var(rowMeans(psi)) / length(hi) + var(colMeans(psi)) / length(lo))
threshold <- list(coefficients = unname(coef(lg)), se = unname(sqrt(diag(vcov(lg)))), auc = auc,
  auc_lower = auc - qnorm(.975) * se, auc_upper = auc + qnorm(.975) * se)

# Outcome: linear with HC3.
have <- !is.na(d$followup)
lm1 <- lm(followup ~ z + b + w + man, data = d[have, ])
xx <- model.matrix(lm1); e <- resid(lm1) / (1 - hatvalues(lm1)); br <- solve(crossprod(xx))
outcome <- list(coefficients = unname(coef(lm1)), se = unname(sqrt(diag(br %*% crossprod(xx * e) %*% br))))

pv <- c(.01, .04, .03, .005, .5)
out <- list(
  meta = list(R = R.version.string, survival = as.character(packageVersion("survival")),
    MASS = as.character(packageVersion("MASS")), md5 = unname(tools::md5sum(file))),
  quasi = quasi, weighted = weighted, beta = beta, cox = as_list(cx, zph), cox_tied = as_list(cx7, zph7),
  kaplan_meier = list(time = km$time, at_risk = km$n.risk, events = km$n.event, surviving = km$surv,
    se = km$surv * km$std.err, ci_lower = km$lower, ci_upper = km$upper),
  counts = counts, threshold = threshold, outcome = outcome,
  adjusted = list(p = pv, holm = p.adjust(pv, "holm"), bh = p.adjust(pv, "BH")))
writeLines(json(out), "values/adherence.json")
