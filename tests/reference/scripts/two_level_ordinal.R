# Two-level models of ordinal items by weighted least squares, which no R package fits: lme4 for single items of two
# categories, and for everything else a direct calculation: Gauss-Hermite rules, pbivnorm's rectangles, numerical
# derivatives, nlminb. Writes the data, too.
# usage: Rscript scripts/two_level_ordinal.R   (from tests/reference; about two minutes)
suppressPackageStartupMessages({
  library(lme4)
  library(pbivnorm)
  library(statmod)
  library(jsonlite)
})
set.seed(20261130)
J <- 70
size <- sample(3:9, J, TRUE)
cluster <- rep(seq_len(J), size)
N <- length(cluster)
lw <- c(.8, .7, .6, .7)
lb <- c(.6, .5, .45, .55)
w <- outer(rnorm(N), lw) + matrix(rnorm(N * 4), N) %*% diag(sqrt(1 - lw^2))
b <- outer(rnorm(J), lb) + matrix(rnorm(J * 4), J) * .45
y <- w + b[cluster, ]
D <- data.frame(cluster = cluster)
cuts <- list(c(-.8, .5), c(-.3, .9), c(-1, .2), c(0, 1))
for (k in 1:4) {
  D[[paste0("y", k)]] <- findInterval(y[, k], cuts[[k]]) + 1L
  D[[paste0("y", k)]][runif(N) < .06] <- NA
}
path <- "data/two_level_ordinal.csv"
write.csv(D, path, row.names = FALSE, quote = FALSE)
D <- read.csv(path)
J <- length(unique(D$cluster))

binary <- lapply(1:4, function(k) {
  d <- data.frame(high = as.integer(D[[k + 1]] >= 2), cluster = D$cluster)
  f <- glmer(high ~ 1 + (1 | cluster), d, family = binomial("probit"), nAGQ = 25, control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12, optCtrl = list(rhobeg = 1e-3, rhoend = 1e-9)))
  list(threshold = -unname(fixef(f)), variance = VarCorr(f)$cluster[1], logl = as.numeric(logLik(f)))
})

Y <- as.matrix(D[, -1])
rule <- gauss.quad.prob(60, "normal")
counts1 <- lapply(1:4, function(k) unclass(table(factor(D$cluster), factor(Y[, k], 1:3))))
item <- function(th, k) { # log-likelihood of every cluster
  v <- sqrt(th[3]) * rule$nodes
  p <- rbind(pnorm(th[1] - v), pnorm(th[2] - v) - pnorm(th[1] - v), pnorm(v - th[2]))
  log(exp(counts1[[k]] %*% log(pmax(p, 1e-300))) %*% rule$weights)[, 1]
}
slopes <- function(f, x, h = 1e-5) sapply(seq_along(x), function(i) {
  e <- replace(0 * x, i, h)
  (8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * h)
})
tight <- list(rel.tol = 1e-15, x.tol = 1e-13, eval.max = 2000, iter.max = 1000)
items <- lapply(1:4, function(k) {
  m <- nlminb(c(-.5, .5, .4), function(x) if (x[1] >= x[2] || x[3] <= 0) 1e10 else -sum(item(x, k)), control = tight)
  s <- slopes(function(x) item(x, k), m$par)
  list(par = m$par, scores = s, influence = s %*% solve(crossprod(s)))
})
rule2 <- gauss.quad.prob(36, "normal")
Z <- expand.grid(a = rule2$nodes, b = rule2$nodes)
W2 <- as.vector(outer(rule2$weights, rule2$weights))
pair <- function(x, tab) { # x: two thresholds and variance of p, of q, correlation within, covariance between
  sp <- sqrt(x[3])
  a <- x[8] / sp
  vp <- sp * Z$a
  vq <- a * Z$a + sqrt(x[6] - a^2) * Z$b
  corner <- function(h, k) pbivnorm(h, k, x[7])
  n <- nrow(Z)
  G <- array(0, c(n, 4, 4))
  for (i in 1:2) for (j in 1:2) G[, i + 1, j + 1] <- corner(x[i] - vp, x[3 + j] - vq)
  for (i in 1:2) {
    G[, i + 1, 4] <- pnorm(x[i] - vp)
    G[, 4, i + 1] <- pnorm(x[3 + i] - vq)
  }
  G[, 4, 4] <- 1
  P <- G[, -1, -1] - G[, -4, -1] - G[, -1, -4] + G[, -4, -4]
  log(exp(tab %*% t(log(pmax(matrix(P, n), 1e-300)))) %*% W2)[, 1]
}
below <- which(lower.tri(diag(4)), arr.ind = TRUE) # column by column
pairs <- lapply(seq_len(nrow(below)), function(r) {
  q <- below[r, 1]
  p <- below[r, 2]
  ok <- !is.na(Y[, p]) & !is.na(Y[, q])
  tab <- unclass(table(factor(D$cluster)[ok], factor(Y[ok, p] + 3 * (Y[ok, q] - 1), 1:9)))
  held <- c(items[[p]]$par, items[[q]]$par)
  f <- function(x) if (abs(x[1]) >= .99 || abs(x[2]) >= sqrt(held[3] * held[6]) * .999) 1e10 else -sum(pair(c(held, x), tab))
  m <- nlminb(c(.4, .2), f, control = tight)
  s <- slopes(function(x) pair(x, tab), c(held, m$par), 1e-4)
  own <- s[, 7:8]
  first <- cbind(items[[p]]$influence, items[[q]]$influence)
  list(par = m$par, logl = -m$objective, influence = (own - first %*% t(crossprod(own, s[, 1:6]))) %*% solve(crossprod(own)))
})
# thresholds, variances between, correlations within, covariances between
s <- c(sapply(items, function(i) i$par[1:2]), sapply(items, function(i) i$par[3]), sapply(pairs, function(i) i$par[1]), sapply(pairs, function(i) i$par[2]))
IF <- cbind(do.call(cbind, lapply(items, function(i) i$influence[, 1:2])), sapply(items, function(i) i$influence[, 3]), sapply(pairs, function(i) i$influence[, 1]), sapply(pairs, function(i) i$influence[, 2]))
V <- J / (J - 1) * crossprod(IF)
n <- nrow(D)
Gamma <- n * V
fit <- function(moments, start) {
  wt <- 1 / diag(Gamma)
  loss <- function(x) sum(wt * (s - moments(x))^2)
  m <- nlminb(start, loss, control = tight)
  for (k in 1:20) { # Gauss-Newton to the end
    De <- slopes(moments, m$par)
    m$par <- m$par + solve(crossprod(De, wt * De), crossprod(De, wt * (s - moments(m$par))))[, 1]
  }
  De <- slopes(moments, m$par)
  bread <- solve(crossprod(De, wt * De))
  vc <- bread %*% crossprod(wt * De, Gamma %*% (wt * De)) %*% bread / (n - 1)
  df <- length(s) - length(m$par)
  T <- (n - 1) * loss(m$par)
  U <- diag(wt) - (wt * De) %*% bread %*% t(wt * De)
  UG <- U %*% Gamma
  a <- sqrt(df / sum(UG * t(UG)))
  scaled <- a * T + df - a * sum(diag(UG))
  list(est = m$par, se = sqrt(diag(vc)), chisq = T, df = df, chisq_scaled = scaled, pvalue_scaled = pchisq(scaled, df, lower.tail = FALSE))
}
vech <- function(m) m[lower.tri(m)]
free <- function(x) { # loadings within, between, residual variances between, thresholds
  B <- tcrossprod(x[5:8]) + diag(x[9:12])
  c(x[13:20], diag(B), vech(tcrossprod(x[1:4])), vech(B))
}
equal <- function(x) { # one set of loadings, factor variance between, residual variances between, thresholds
  B <- x[5] * tcrossprod(x[1:4]) + diag(x[6:9])
  c(x[10:17], diag(B), vech(tcrossprod(x[1:4])), vech(B))
}
start <- c(lw, lb, rep(.2, 4), s[1:8])
base <- 13:24
wt <- 1 / diag(Gamma)
WG <- (wt * Gamma)[base, base]
T0 <- (n - 1) * sum((wt * s^2)[base])
df0 <- length(base)
a0 <- sqrt(df0 / sum(WG * t(WG)))
out <- list(
  made_by = list(program = paste0("R ", getRversion(), ", lme4 ", packageVersion("lme4"), ", pbivnorm ", packageVersion("pbivnorm")), script = "scripts/two_level_ordinal.R", file = "two_level_ordinal.csv", md5 = unname(tools::md5sum(path))),
  binary = binary, moments = s, errors = sqrt(diag(V)), logl = sapply(pairs, function(p) p$logl),
  free = fit(free, start), equal = fit(equal, c(lw, .5, rep(.2, 4), s[1:8])),
  baseline = list(chisq = T0, df = df0, chisq_scaled = a0 * T0 + df0 - a0 * sum(diag(WG)))
)
write_json(out, "values/two_level_ordinal.json", digits = NA, auto_unbox = TRUE)
