# ---- Reliability ----

# Half of a 95 % interval from what an estimate is without each person.
jackknife_half <- function(rest) {
  n <- length(rest)
  qt(0.975, n - 1) * sqrt((n - 1) / n * sum((rest - mean(rest))^2))
}

twin_alpha <- function(items, where, missing = "listwise") {
  needs("psych")
  d <- some(chosen(items, where)); full <- rows_by(d, missing)
  a <- psych::alpha(full, check.keys = FALSE, warnings = FALSE)
  b <- psych::alpha(d, check.keys = FALSE, warnings = FALSE)
  of <- function(rows) { v <- cov(rows, use = "pairwise"); k <- ncol(v); log(1 - k / (k - 1) * (1 - sum(diag(v)) / sum(v))) }
  half <- jackknife_half(vapply(seq_len(nrow(full)), function(i) of(full[-i, , drop = FALSE]), 0))
  ci <- 1 - (1 - a$total$raw_alpha) * exp(c(half, -half))
  list(n = nrow(full), n_rows = nrow(d), alpha = a$total$raw_alpha, average_r = a$total$average_r,
    ci_lower = ci[1], ci_upper = ci[2],
    alpha_pairwise = b$total$raw_alpha, if_dropped = a$alpha.drop$raw_alpha,
    gain = a$alpha.drop$raw_alpha - a$total$raw_alpha, item_rest_r = a$item.stats$r.drop,
    alpha_each = rep(a$total$raw_alpha, length(items)))
}

# Omega of one factor for the sum of ordinal answers (Green & Yang 2009): loadings by psych, bivariate normal
# probabilities by pbivnorm.
ordinal_share <- function(thresholds, observed, common) {
  k <- length(thresholds)
  sums <- function(r) {
    total <- 0
    for (i in seq_len(k)) for (j in seq_len(k)) {
      a <- thresholds[[i]]; b <- thresholds[[j]]
      g <- expand.grid(a, b)
      rho <- min(max(r[i, j], -1), 1)
      both <- if (rho > 1 - 1e-12) pnorm(pmin(g[, 1], g[, 2])) else pbivnorm::pbivnorm(g[, 1], g[, 2], rho = rho)
      total <- total + sum(both) - sum(pnorm(a)) * sum(pnorm(b))
    }
    total
  }
  sums(common) / sums(observed)
}

twin_omega_ordinal <- function(items, where, missing = "pairwise") {
  needs("psych", "lavaan", "pbivnorm")
  d <- rows_by(chosen(items, where), missing)
  ordered <- names(d)
  r <- unclass(lavaan::lavCor(d, ordered = ordered, missing = "pairwise", output = "cor"))
  th <- unclass(lavaan::lavCor(d, ordered = ordered, missing = "pairwise", output = "th"))
  thresholds <- lapply(ordered, function(i) as.numeric(th[startsWith(names(th), paste0(i, "|"))]))
  f <- minres(r, 1, "none")
  common <- tcrossprod(as.numeric(f$loadings)); observed <- r; diag(observed) <- 1
  list(omega = ordinal_share(thresholds, observed, common))
}

twin_omega_continuous <- function(items, where, missing = "pairwise") {
  needs("psych")
  d <- rows_by(chosen(items, where), missing)
  s <- cov(d, use = "pairwise")
  l <- as.numeric(minres(cov2cor(s), 1, "none", n = nrow(d), fm = "ml")$loadings) * sqrt(diag(s))
  list(omega = sum(l)^2 / sum(s))
}

twin_omega_hierarchical <- function(items, where, factors, missing = "pairwise") {
  needs("psych")
  d <- rows_by(chosen(items, where), missing)
  o <- psych::omega(cor(d, use = "pairwise"), nfactors = factors, n.obs = nrow(d), flip = FALSE, plot = FALSE)
  list(omega_h = o$omega_h, ecv = o$ECV[[1]])
}
