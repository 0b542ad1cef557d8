# Marginal structural models by formula: lm, glm, dnorm, and a jackknife over people.
# Rscript tests/reference/scripts/marginal.R   (from the root of the repository)
library(jsonlite)
library(sandwich)
path <- "tests/reference/data/marginal.csv"
d <- read.csv(path, stringsAsFactors = FALSE)
d$woman <- as.numeric(d$sex == d$sex[1])
d$other <- 1 - d$woman
weeks <- 1:4
wide <- function(v) sapply(weeks, function(w) d[[v]][d$week == w])
A <- wide("alliance"); B <- wide("reminded"); L <- wide("minutes"); Y <- wide("sessions"); Z <- wide("active")
V <- d[d$week == 1, c("distress", "other")]
n <- nrow(V)

weights_of <- function(X, binary) {
  inside <- t(apply(is.finite(X), 1, function(r) cumsum(!r) == 0))
  run <- rep(1, n); W <- matrix(NA, n, 4); explained <- rep(NA, 4); least <- rep(NA, 4)
  for (k in weeks) {
    if (k > 1) {
      b <- inside[, k - 1]
      f <- data.frame(s = as.numeric(inside[b, k]), a = X[b, k - 1], V[b, ], l = L[b, k], l1 = L[b, k - 1])
      if (any(f$s == 0)) {
        pn <- fitted(glm(s ~ a + distress + other, binomial, f, control = list(epsilon = 1e-14, maxit = 100)))
        pd <- fitted(glm(s ~ ., binomial, f, control = list(epsilon = 1e-14, maxit = 100)))
        run[b] <- run[b] * ifelse(f$s == 1, pn / pd, (1 - pn) / (1 - pd))
      }
    }
    h <- inside[, k]
    f <- data.frame(x = X[h, k], V[h, ])
    if (k > 1) f$a <- X[h, k - 1]
    g <- cbind(f, l = L[h, k])
    if (k > 1) g$l1 <- L[h, k - 1]
    if (binary) {
      pn <- fitted(glm(x ~ ., binomial, f, control = list(epsilon = 1e-14, maxit = 100)))
      pd <- fitted(glm(x ~ ., binomial, g, control = list(epsilon = 1e-14, maxit = 100)))
      num <- ifelse(f$x == 1, pn, 1 - pn); den <- ifelse(f$x == 1, pd, 1 - pd)
      least[k] <- min(den)
    } else {
      m0 <- lm(x ~ ., f); m1 <- lm(x ~ ., g)
      num <- dnorm(f$x, fitted(m0), sigma(m0)); den <- dnorm(f$x, fitted(m1), sigma(m1))
      explained[k] <- 1 - deviance(m1) / deviance(m0)
    }
    run[h] <- run[h] * num / den
    W[h, k] <- run[h]
  }
  list(W = W, inside = inside, explained = explained, least = least)
}

rows_of <- function(X, out, found) {
  e <- matrix(0, n, 4)
  for (k in 2:4) e[, k] <- rowMeans(X[, 1:(k - 1), drop = FALSE])
  m <- sapply(weeks, function(k) rowMeans(X[, 1:k, drop = FALSE]))
  f <- do.call(rbind, lapply(weeks, function(k) data.frame(id = 1:n, week = k, y = out[, k], x = X[, k],
    e = e[, k], m = m[, k], l = L[, k], V, w = found$W[, k])[found$inside[, k], ]))
  f[is.finite(f$y), ]
}

jack <- function(formula, f, binary) {
  fit <- function(g, start = NULL, steps = 100) {
    if (!binary) return(coef(lm(formula, g, weights = w)))
    suppressWarnings(coef(glm(formula, quasibinomial, g, weights = w, start = start,
                              control = list(epsilon = 1e-14, maxit = steps))))
  }
  b <- fit(f)
  ids <- unique(f$id); G <- length(ids)
  D <- sapply(ids, function(i) fit(f[f$id != i, ], start = b, steps = 1) - b)
  list(b = b, se = sqrt(diag((G - 1) / G * D %*% t(D))), G = G)
}

effects <- function(X, out, xbinary, ybinary, cut = 0) {
  found <- weights_of(X, xbinary)
  f <- rows_of(X, out, found)
  q <- quantile(f$w, c(cut, 1 - cut)); f$w <- pmin(pmax(f$w, q[1]), q[2])
  f$week <- factor(f$week)
  main <- y ~ 0 + x + e + week + distress + other
  one <- jack(main, f, ybinary)
  mean_form <- jack(y ~ 0 + m + week + distress + other, f, ybinary)
  current <- jack(y ~ 0 + x + week + distress + other, f, ybinary)
  plain <- f; plain$w <- 1
  naive <- jack(main, plain, ybinary)
  held <- jack(update(main, . ~ . + l), plain, ybinary)
  list(n_rows = nrow(f), n_people = one$G, both = one$b[c("x", "e")], both_se = one$se[c("x", "e")],
       mean = mean_form$b["m"], mean_se = mean_form$se["m"], current = current$b["x"], current_se = current$se["x"],
       naive = naive$b[c("x", "e")], naive_se = naive$se[c("x", "e")],
       held = held$b[c("x", "e")], held_se = held$se[c("x", "e")],
       weight_mean = sapply(weeks, function(k) mean(found$W[found$inside[, k], k])),
       weight_max = sapply(weeks, function(k) max(found$W[found$inside[, k], k])),
       ess = sapply(weeks, function(k) { w <- found$W[found$inside[, k], k]; sum(w)^2 / sum(w^2) }),
       explained = found$explained, least = found$least, weights = f$w[order(f$id, f$week)])
}

balance <- function(X, binary) {
  found <- weights_of(X, binary)
  t(sapply(weeks, function(k) {
    h <- found$inside[, k]
    f <- data.frame(l = L[h, k] / sd(L[h, k]), x = if (binary) X[h, k] else X[h, k] / sd(X[h, k]), V[h, ])
    if (k > 1) f$a <- X[h, k - 1]
    w <- found$W[h, k]
    c(coef(lm(l ~ ., f))["x"], coef(lm(l ~ ., f, weights = w))["x"])
  }))
}

values <- list(
  made_by = list(r = R.version.string, sandwich = as.character(packageVersion("sandwich"))),
  data_sha256 = strsplit(system(paste("sha256sum", path), intern = TRUE), " ")[[1]][1],
  number_number = effects(A, Y, FALSE, FALSE), number_cut = effects(A, Y, FALSE, FALSE, 0.025),
  number_choice = effects(A, Z, FALSE, TRUE),
  choice_number = effects(B, Y, TRUE, FALSE), choice_choice = effects(B, Z, TRUE, TRUE),
  balance_number = balance(A, FALSE), balance_choice = balance(B, TRUE))
f <- rows_of(A, Y, weights_of(A, FALSE)); f$week <- factor(f$week)
fit <- lm(y ~ 0 + x + e + week + distress + other, f, weights = w)
values$vcovCL_HC3 <- sqrt(diag(vcovCL(fit, cluster = f$id, type = "HC3", cadjust = FALSE)))[c("x", "e")]
write(toJSON(values, digits = 15, na = "null"), "tests/reference/values/marginal.json")
