# Writes values/adherence_models.json: further models of use after the landmark.
# Run in tests/reference: Rscript scripts/adherence_models.R
suppressPackageStartupMessages({library(survival); library(MASS); library(lme4); library(splines); library(mice)})
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
d$z <- z(d$score); d$b <- z(d$before); d$w <- z(d$distress); d$man <- as.numeric(d$sex == "man")
X <- cbind(1, d$z, d$b, d$w, d$man)
ctl <- glm.control(epsilon = 1e-14, maxit = 200)
slope_at <- function(f, at) sapply(seq_along(at), function(j) {
  h <- 1e-5 * max(1, abs(at[j])); e <- replace(numeric(length(at)), j, h); (f(at + e) - f(at - e)) / (2 * h) })
delta <- function(f, at, V) { g <- slope_at(f, at); c(f(at), sqrt(drop(t(g) %*% V %*% g))) }

# Discrete time: one row per person and week at risk; weeks in which nobody left share the next week's baseline.
r <- d[!is.na(d$time), ]
last <- ifelse(r$event == 1, ceiling(r$time / 7 - 1e-9), floor(r$time / 7 + 1e-9))
rows <- do.call(rbind, lapply(seq_len(nrow(r)), function(i) if (last[i] > 0)
  data.frame(i = i, week = seq_len(last[i]), left = as.numeric(r$event[i] == 1 & seq_len(last[i]) == last[i]))))
some <- sort(unique(rows$week[rows$left == 1]))
block_of <- function(week) pmin(findInterval(week, some, left.open = TRUE) + 1, length(some))
rows$block <- factor(block_of(rows$week))
rows <- cbind(rows, r[rows$i, c("z", "b", "w", "man")])
dt <- glm(left ~ 0 + block + z + b + w + man, family = binomial("cloglog"), data = rows, control = ctl)
k <- nlevels(rows$block)
blocks <- block_of(seq_len(max(rows$week)))
Xr <- as.matrix(r[c("z", "b", "w", "man")])
still <- function(th) { H <- sum(exp(th[1:k])[blocks]) * exp(drop(Xr %*% th[-(1:k)])); -100 * th[k + 1] * mean(H * exp(-H)) }
st <- delta(still, coef(dt), vcov(dt))
discrete <- list(coefficients = unname(coef(dt)), se = unname(sqrt(diag(vcov(dt)))), loglik = as.numeric(logLik(dt)),
  rows = nrow(rows), still = st[1], still_se = st[2])

# Context held constant and as moderator: z with w as context.
q <- glm(cbind(done, due - done) ~ z + w + b + man, family = quasibinomial, data = d, control = ctl)
qx <- glm(cbind(done, due - done) ~ z * w + b + man, family = quasibinomial, data = d, control = ctl)
# HC3: each person's score divided by one less the leverage.
hc3 <- function(m) crossprod((model.matrix(m) * (m$prior.weights * (m$y - fitted(m)) / (1 - hatvalues(m)))) %*% summary(m)$cov.unscaled)
cn <- c("(Intercept)", "z", "w", "z:w", "b", "man"); B <- coef(qx)[cn]; V <- hc3(qx)[cn, cn]
level <- function(at) {
  Xa <- cbind(1, d$z, at, at * d$z, d$b, d$man)
  e <- delta(function(th) { p <- plogis(drop(Xa %*% th)); mean(d$due * p * (1 - p)) * (th[2] + at * th[4]) }, B, V)
  g <- c(0, 1, 0, at, 0, 0); c(sum(g * B), sqrt(drop(t(g) %*% V %*% g)), e)
}
lv <- sapply(c(-1, 0, 1), level)
cx <- coxph(Surv(time, event) ~ z * w + b + man, data = r, ties = "efron", control = coxph.control(eps = 1e-11, toler.chol = 1e-13, iter.max = 50))
context <- list(held = unname(coef(q)[c("z", "w")]), held_se = unname(sqrt(diag(hc3(q)))[c(2, 3)]),
  interaction = unname(B["z:w"]), interaction_se = sqrt(V["z:w", "z:w"]), interaction_p = unname(2 * pt(-abs(B["z:w"]) / sqrt(V["z:w", "z:w"]), qx$df.residual)),
  level_log = lv[1, ], level_se = lv[2, ], level_units = lv[3, ], level_units_se = lv[4, ],
  hazard = unname(coef(cx)[c("z", "w", "z:w")]), hazard_se = unname(sqrt(diag(vcov(cx)))[c("z", "w", "z:w")]))

# Curve against line: natural spline with the same knots spans the same columns.
kn <- quantile(d$score, c(.05, .35, .65, .95), type = 7)
q1 <- glm(cbind(done, due - done) ~ score + b + w + man, family = quasibinomial, data = d, control = ctl)
q3 <- glm(cbind(done, due - done) ~ ns(score, knots = kn[2:3], Boundary.knots = kn[c(1, 4)]) + b + w + man,
  family = quasibinomial, data = d, control = ctl)
av <- anova(q1, q3, test = "F")
f <- (deviance(q1) - deviance(q3)) / 2 / summary(q3)$dispersion
at <- kn[2] # everyone given this score
one <- function(th) { dd <- d; dd$score <- at; p <- plogis(drop(model.matrix(delete.response(terms(q3)), dd) %*% th)); qlogis(sum(d$due * p) / sum(d$due)) }
cu <- delta(one, coef(q3), vcov(q3)); tq <- qt(.975, q3$df.residual)
shape <- list(knots = unname(kn), f = f, f_anova = av$F[2], df1 = 2, df2 = q3$df.residual, p = pf(f, 2, q3$df.residual, lower.tail = FALSE),
  at = unname(at), curve = mean(d$due) * plogis(c(cu[1], cu[1] - tq * cu[2], cu[1] + tq * cu[2])))

# Random intercept: rows of the table in threes are persons, some rows left out.
m <- transform(d, person = (id - 1) %/% 3)[d$id %% 7 != 0, ]
lm1 <- lmer(days ~ z + b + w + man + (1 | person), data = m, REML = TRUE,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e5), calc.derivs = FALSE))
vc <- as.data.frame(VarCorr(lm1))$vcov
mixed <- list(coefficients = unname(fixef(lm1)), se = unname(sqrt(diag(as.matrix(vcov(lm1))))), between = vc[1], residual = vc[2],
  criterion = as.numeric(REMLcrit(lm1)), n = nobs(lm1), people = length(unique(m$person)))

# Rubin's rules with Barnard and Rubin's degrees of freedom.
est <- c(.31, .28, .40, .35, .22); va <- c(.010, .012, .011, .009, .013)
pool1 <- function(dfcom) { p <- pool.scalar(est, va, n = dfcom + 1, k = 1)
  list(qbar = p$qbar, ubar = p$ubar, b = p$b, t = p$t, df = p$df, fmi = p$fmi) }
pooling <- list(estimates = est, variances = va, small = pool1(120), large = pool1(1e12))

# Zero-heavy counts: maximum by optim then nlm, information by central differences of the analytic value.
best <- function(f, start) { o <- optim(start, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 10000))
  for (i in 1:3) o <- within(list(par = o$par), par <- nlm(f, par, gradtol = 1e-12, steptol = 1e-14, iterlim = 2000, ndigit = 15)$estimate)
  o$par }
infos <- function(f, at) solve(optimHess(at, f, control = list(ndeps = rep(1e-3, length(at)))))
nb <- glm.nb(days ~ z + b + w + man, data = d, control = glm.control(epsilon = 1e-14, maxit = 500))
zi <- function(t) { pr <- plogis(t[7]); f <- dnbinom(d$days, size = exp(-t[6]), mu = exp(drop(X %*% t[1:5])))
  -sum(log(ifelse(d$days == 0, pr, 0) + (1 - pr) * f)) }
zp <- best(zi, c(coef(nb), log(1 / nb$theta), -1)); Vz <- infos(zi, zp)
pos <- d$days > 0
tr <- function(t) { mu <- exp(drop(X[pos, ] %*% t[1:5])); s <- exp(-t[6])
  -sum(dnbinom(d$days[pos], size = s, mu = mu, log = TRUE) - log1p(-dnbinom(0, size = s, mu = mu))) }
hp <- best(tr, c(coef(nb), log(1 / nb$theta))); Vh <- infos(tr, hp)
gate <- glm(pos ~ z + b + w + man, family = binomial, data = d, control = ctl)
ends <- function(mean_of, th, V) {
  up <- X; lo <- X; up[, 2] <- up[, 2] + .5; lo[, 2] <- lo[, 2] - .5
  c(delta(function(t) log(mean(mean_of(t, up)) / mean(mean_of(t, lo))), th, V), delta(function(t) mean(mean_of(t, up)) - mean(mean_of(t, lo)), th, V))
}
zmean <- function(t, x) (1 - plogis(t[7])) * exp(drop(x %*% t[1:5]))
hmean <- function(t, x) { mu <- exp(drop(x %*% t[6:10])); s <- exp(-t[11]); plogis(drop(x %*% t[1:5])) * mu / (1 - dnbinom(0, size = s, mu = mu)) }
Vall <- matrix(0, 11, 11); Vall[1:5, 1:5] <- vcov(gate); Vall[6:11, 6:11] <- Vh
counts <- list(zero_inflated = unname(zp), zero_inflated_se = sqrt(diag(Vz)), zero_inflated_effects = ends(zmean, zp, Vz),
  hurdle = unname(c(coef(gate), hp)), hurdle_se = sqrt(diag(Vall)), hurdle_effects = ends(hmean, c(coef(gate), hp), Vall))

v <- function(p) as.character(packageVersion(p))
writeLines(json(list(meta = list(R = R.version.string, survival = v("survival"), MASS = v("MASS"), lme4 = v("lme4"), mice = v("mice"),
  md5 = unname(tools::md5sum(file))), discrete = discrete, context = context, shape = shape, mixed = mixed, pooling = pooling,
  counts = counts)), "values/adherence_models.json")
