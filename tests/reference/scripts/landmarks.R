# Writes values/landmarks.json: a logit of later use at each of several times of the same people, effects together.
# Run in tests/reference: Rscript scripts/landmarks.R
suppressPackageStartupMessages({library(mvtnorm); library(jsonlite)})
file <- "data/marginal.csv"
d <- read.csv(file)
weeks <- sort(unique(d$week))
ids <- unique(d$participant)
half <- sub("p", "", d$participant); d$group <- as.integer(half) %% 14
z <- function(v) (v - mean(v)) / sd(v)
one <- function(w) {
  m <- d[d$week == w & !is.na(d$alliance) & !is.na(d$active) & !is.na(d$minutes), ]
  m$due <- 1 + (as.integer(sub("p", "", m$participant)) %% 3)
  m$done <- m$active * pmax(1, m$due - 1)
  m$s <- m$alliance - mean(m$alliance); m$u <- z(log1p(m$minutes)); m$h <- z(m$distress)
  f <- glm(cbind(done, due - done) ~ s + u + h, family = quasibinomial, data = m, control = glm.control(epsilon = 1e-14, maxit = 100))
  X <- model.matrix(f); p <- fitted(f); b <- coef(f)
  bread <- solve(crossprod(X * sqrt(m$due * p * (1 - p))))
  lev <- hatvalues(f)
  inf <- (X * ((m$done - m$due * p) / (1 - lev))) %*% bread
  slope <- 100 * p * (1 - p) / length(p)
  g <- colSums(b["s"] * slope * (1 - 2 * p) * X); g["s"] <- g["s"] + sum(slope)
  own <- setNames(rep(0, length(ids)), ids); own[m$participant] <- drop(inf %*% g)
  list(b = b, effect = sum(slope) * b[["s"]], own = own, df = df.residual(f), n = nrow(m))
}
all <- lapply(weeks, one)
M <- sapply(all, `[[`, "own"); V <- crossprod(M); est <- sapply(all, `[[`, "effect"); df <- min(sapply(all, `[[`, "df"))
grp <- as.integer(sub("p", "", ids)) %% 14
VG <- crossprod(rowsum(M, grp)) * 14 / 13
L <- length(est); C <- diag(L)[-1, , drop = FALSE] - diag(L)[-L, , drop = FALSE]
wald <- function(V, df) { a <- drop(C %*% est); f <- drop(a %*% solve(C %*% V %*% t(C), a)) / (L - 1)
  list(f = f, pvalue = pf(f, L - 1, df, lower.tail = FALSE)) }
set.seed(1)
critical <- qmvt(0.95, tail = "both.tails", df = round(df), corr = cov2cor(V), algorithm = GenzBretz(maxpts = 2e5, abseps = 1e-5))$quantile
write(toJSON(list(made_by = "scripts/landmarks.R", programs = list(R = paste(R.version$major, R.version$minor, sep = "."),
  mvtnorm = as.character(packageVersion("mvtnorm"))), md5 = unname(tools::md5sum(file)), n = sapply(all, `[[`, "n"), df = df,
  coefficients = lapply(all, function(a) unname(a$b)), effects = est, covariance = unname(V), covariance_groups = unname(VG),
  equal = wald(V, df), equal_groups = wald(VG, 13), critical = critical), auto_unbox = TRUE, digits = 17, pretty = TRUE), "values/landmarks.json")
