# Dose and response by formula: lm, splines::ns, HC3 by hand, mvtnorm::qmvt, a search over lm.
# Rscript tests/reference/scripts/dose_response.R   (from the root of the repository)
library(jsonlite)
library(splines)
path <- "tests/reference/data/marginal.csv"
d <- read.csv(path, stringsAsFactors = FALSE)
d <- d[d$week == 1, ]
d$other <- as.numeric(d$sex != d$sex[1])

hc3 <- function(fit) {
  X <- model.matrix(fit); h <- hatvalues(fit); e <- residuals(fit) / (1 - h)
  B <- solve(crossprod(X)); B %*% crossprod(X * e) %*% B
}
wald <- function(fit, V, k) { b <- coef(fit)[k]; drop(b %*% solve(V[k, k], b)) / length(k) }

one <- function(y) {
  d$y <- d[[y]]
  at <- quantile(d$minutes, c(.05, .35, .65, .95), names = FALSE)
  inner <- at[2:3]; outer <- at[c(1, 4)]
  fit <- lm(y ~ ns(minutes, knots = inner, Boundary.knots = outer) + distress + other, d)
  V <- hc3(fit)
  grid <- seq(min(d$minutes), max(d$minutes), length.out = 41)
  new <- data.frame(minutes = grid, distress = mean(d$distress), other = mean(d$other), y = 0)
  X <- model.matrix(delete.response(terms(fit)), new)
  est <- drop(X %*% coef(fit)); S <- X %*% V %*% t(X); se <- sqrt(diag(S)); df <- df.residual(fit)
  # curvature: the part of the spline beyond the straight line, in the truncated power basis
  cube <- function(t) pmax(d$minutes - t, 0)^3
  s <- sapply(1:2, function(j) (cube(at[j]) - cube(at[3]) * (at[4] - at[j]) / (at[4] - at[3]) +
       cube(at[4]) * (at[3] - at[j]) / (at[4] - at[3])) / (at[4] - at[1])^2)
  d$s1 <- s[, 1]; d$s2 <- s[, 2]
  fit2 <- lm(y ~ minutes + s1 + s2 + distress + other, d); V2 <- hc3(fit2)
  line <- lm(y ~ minutes + distress + other, d)
  q <- quantile(d$minutes, c(.1, .9), names = FALSE)
  v <- sort(unique(d$minutes)); v <- v[v > max(q[1], v[1]) & v <= q[2]]
  if (length(v) > 40) v <- v[unique(round(seq(0, length(v) - 1, length.out = 40))) + 1]
  steps <- lapply(v, function(k) lm(y ~ I(minutes >= k) + distress + other, d))
  rss <- sapply(steps, deviance); k <- which.min(rss); n <- nrow(d)
  aic <- function(fit, more = 0) n * log(deviance(fit) / n) + 2 * (length(coef(fit)) + 1 + more)
  places <- c(5, 14, 24, 36)
  R <- cov2cor(S)[places, places]
  list(estimate = est, se = se, lower = est - qt(.975, df) * se, upper = est + qt(.975, df) * se,
       any = wald(fit2, V2, 2:4), curved = wald(fit2, V2, 3:4), df = df, at = v[k],
       apparent = unname(coef(steps[[k]])[2]), all_steps = sapply(steps, function(f) unname(coef(f)[2])), places = v,
       aic_step = aic(steps[[k]], 1), aic_line = aic(line), aic_curve = aic(fit2),
       correlation = R, sup_t = mvtnorm::qmvt(.95, tail = "both.tails", df = round(df), corr = R, maxpts = 1e6,
                                              abseps = 1e-6)$quantile)
}
set.seed(1)
values <- list(made_by = list(r = R.version.string, mvtnorm = as.character(packageVersion("mvtnorm"))),
  data_sha256 = strsplit(system(paste("sha256sum", path), intern = TRUE), " ")[[1]][1],
  sessions = one("sessions"), active = one("active"))
write(toJSON(values, digits = 15, na = "null"), "tests/reference/values/dose_response.json")
