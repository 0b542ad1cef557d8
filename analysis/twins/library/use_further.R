# ---- Later use once more: likelihoods written out, people without a score, and ends that compete ----

# Maximum of a likelihood from the slopes of each row by each parameter, with its covariance: a search, then Newton steps.
highest <- function(value, rows, start) {
  slopes <- function(t) colSums(rows(t))
  curve <- function(t) {
    m <- vapply(seq_along(t), function(j) {
      h <- 1e-5 * max(1, abs(t[j])); e <- replace(numeric(length(t)), j, h)
      (slopes(t + e) - slopes(t - e)) / (2 * h)
    }, t)
    (m + t(m)) / 2
  }
  n <- nrow(rows(start))
  t <- optim(start, function(t) -value(t) / n, function(t) -slopes(t) / n, method = "BFGS",
    control = list(maxit = 2000, reltol = 1e-13))$par
  for (k in 1:20) { step <- solve(curve(t), slopes(t)); t <- t - step; if (max(abs(step)) < 1e-10) break }
  list(theta = t, V = solve(-curve(t)), value = value(t))
}

# How a maximum moves without each cluster: one Newton step with the information of the others.
left_out_of <- function(rows, theta, cluster) {
  sums <- function(t) rowsum(rows(t), factor(cluster, unique(cluster)))
  parts <- lapply(seq_along(theta), function(j) {
    h <- 1e-5 * max(1, abs(theta[j])); e <- replace(numeric(length(theta)), j, h)
    -(sums(theta + e) - sums(theta - e)) / (2 * h)
  })
  own <- lapply(seq_len(nrow(parts[[1]])), function(g) { m <- vapply(parts, function(p) p[g, ], theta); (m + t(m)) / 2 })
  whole <- Reduce(`+`, own); s <- sums(theta)
  t(vapply(seq_along(own), function(g) solve_rest(whole - own[[g]], s[g, ]), theta))
}

# Beta-binomial: shares differ between people by a beta distribution of intraclass correlation rho.
beta_use <- function(x, done, due, cluster) {
  x <- cbind(1, x); k <- ncol(x)
  parts <- function(t) { p <- plogis(drop(x %*% t[1:k])); total <- exp(-t[k + 1]); list(p = p, total = total, a = p * total, b = (1 - p) * total) }
  value <- function(t) { s <- parts(t); sum(lchoose(due, done) + lbeta(done + s$a, due - done + s$b) - lbeta(s$a, s$b)) }
  rows <- function(t) {
    s <- parts(t); all <- digamma(s$total) - digamma(due + s$total)
    a <- digamma(done + s$a) - digamma(s$a) + all; b <- digamma(due - done + s$b) - digamma(s$b) + all
    cbind(x * ((a - b) * s$total * s$p * (1 - s$p)), -s$total * (a * s$p + b * (1 - s$p)))
  }
  start <- glm.fit(x, done / due, due, family = quasibinomial())$coefficients
  found <- highest(value, rows, c(start, -1))
  how <- if (is.null(cluster)) list(V = found$V, df = Inf) else of_clusters(left_out_of(rows, found$theta, cluster))
  list(b = unname(found$theta[1:k]), V = how$V[1:k, 1:k], df = how$df, x = x)
}

# Counts with more nobodies than a negative binomial expects: a share of people apart, or a logit of any use before a
# negative binomial without 0. Of the three the one with the smallest AIC.
chosen_counts <- function(x, days, cluster) {
  x <- cbind(1, x); k <- ncol(x); some <- days > 0
  mass <- function(m, y, size) dnbinom(y, size = size, mu = m, log = TRUE)
  by <- nb_slopes; plain <- counted_use(x[, -1, drop = FALSE], days, cluster); first <- c(plain$b, plain$alpha)
  share <- max(0.01, mean(days == 0) / 2)
  zero_value <- function(t) {
    l <- mass(exp(drop(x %*% t[1:k])), days, exp(-t[k + 1])); never <- plogis(t[k + 2])
    sum(ifelse(some, log1p(-never) + l, log(never + (1 - never) * exp(l))))
  }
  zero_rows <- function(t) {
    m <- exp(drop(x %*% t[1:k])); size <- exp(-t[k + 1]); never <- plogis(t[k + 2]); none <- exp(mass(m, 0, size))
    user <- ifelse(some, 1, (1 - never) * none / (never + (1 - never) * none)); s <- by(m, days, size)
    cbind(x * (user * s$line), user * s$alpha, 1 - user - never)
  }
  zero <- tryCatch(highest(zero_value, zero_rows, c(first, qlogis(share))), error = function(e) NULL)
  if (!is.null(zero) && !all(eigen(zero$V, only.values = TRUE)$values > 0)) zero <- NULL
  z <- x[some, , drop = FALSE]; y <- days[some]
  cut_value <- function(t) { m <- exp(drop(z %*% t[1:k])); size <- exp(-t[k + 1]); sum(mass(m, y, size) - log1p(-exp(mass(m, 0, size)))) }
  cut_rows <- function(t) {
    m <- exp(drop(z %*% t[1:k])); size <- exp(-t[k + 1]); none <- exp(mass(m, 0, size)); odds <- none / (1 - none)
    s <- by(m, y, size); o <- by(m, 0, size); cbind(z * (s$line + odds * o$line), s$alpha + odds * o$alpha)
  }
  gate <- glm.fit(x, some + 0, family = binomial(), control = glm.control(epsilon = 1e-14, maxit = 200)); p <- gate$fitted.values
  cut <- tryCatch(highest(cut_value, cut_rows, first), error = function(e) NULL)
  if (!is.null(cut) && !all(eigen(cut$V, only.values = TRUE)$values > 0)) cut <- NULL
  aic <- c(2 * (k + 1) - 2 * plain$value, if (is.null(zero)) Inf else 2 * (k + 2) - 2 * zero$value,
    if (is.null(cut)) Inf else 2 * (2 * k + 1) - 2 * (cut$value + sum(ifelse(some, log(p), log1p(-p)))))
  which <- which.min(aic)
  if (which == 1) found <- list(b = plain$b, V = plain$V, mean = function(t, x) exp(drop(x %*% t)))
  if (which == 2) found <- list(b = zero$theta, V = if (is.null(cluster)) zero$V else of_clusters(left_out_of(zero_rows, zero$theta, cluster))$V,
    mean = function(t, x) plogis(-t[k + 2]) * exp(drop(x %*% t[1:k])))
  if (which == 3) {
    V <- matrix(0, 2 * k + 1, 2 * k + 1)
    if (is.null(cluster)) {
      V[1:k, 1:k] <- solve(crossprod(x, p * (1 - p) * x)); V[-(1:k), -(1:k)] <- cut$V
    } else {
      gates <- function(t) x * (some - plogis(drop(x %*% t)))
      moved <- matrix(0, length(unique(cluster)), k + 1); rownames(moved) <- unique(cluster)
      own <- left_out_of(cut_rows, cut$theta, cluster[some]); moved[as.character(unique(cluster[some])), ] <- own
      V <- of_clusters(cbind(left_out_of(gates, gate$coefficients, cluster), moved))$V
    }
    found <- list(b = c(unname(gate$coefficients), cut$theta), V = V, mean = function(t, x) {
      m <- exp(drop(x %*% t[(k + 1):(2 * k)])); size <- exp(-t[2 * k + 1])
      plogis(drop(x %*% t[1:k])) * m / -expm1(-size * log1p(m / size))
    })
  }
  up <- down <- x; up[, 2] <- up[, 2] + 0.5; down[, 2] <- down[, 2] - 0.5
  df <- if (is.null(cluster)) Inf else length(unique(cluster)) - 1
  means <- function(b) c(mean(found$mean(b, up)), mean(found$mean(b, down)))
  c(found, list(df = df, ratio = function(b) { m <- means(b); log(m[1] / m[2]) }, units = function(b) { m <- means(b); m[1] - m[2] }))
}

# Everyone still watched at the landmark, those without a score or a covariate among them.
watched_use <- function() once("watched", function() {
  path <- file.path(folder, "analysed_later_use_watched.csv")
  if (!file.exists(path)) cannot("everyone watched at the landmark: `dta validate ... --analysed FOLDER` writes them by person")
  table <- cells_of(path, ",", "UTF-8")
  for (c in setdiff(names(table), "participant")) table[[c]] <- suppressWarnings(as.numeric(table[[c]]))
  table
})

# One over the chance of having answered, for those who did; cut at the 99th percentile.
response_weights <- function(terms) {
  e <- watched_use(); e <- e[e$complete == 1, ]; answered <- e$answered == 1; idle <- 1 - e$at_risk
  z <- as.matrix(e[, terms, drop = FALSE])
  if (sum(idle[answered]) > 0 && sum(idle[answered]) < sum(answered)) { z <- cbind(z, idle); terms <- c(terms, "idle at the landmark") }
  u <- undecided(cbind(0, z), terms, answered, !answered)
  x <- cbind(1, z[, u$columns[-1], drop = FALSE])[u$rows, , drop = FALSE]
  p <- answered + 0
  p[u$rows] <- glm.fit(x, answered[u$rows] + 0, family = binomial(), control = glm.control(epsilon = 1e-14, maxit = 200))$fitted.values
  w <- mean(answered) / p[answered]
  setNames(pmin(w, quantile(w, 0.99)), e$participant[answered])
}

weighted_use <- function(x, done, due, w, cluster) {
  x <- cbind(1, x); scale <- due * w
  fit <- glm.fit(x, done / due, scale, family = quasibinomial(), control = glm.control(epsilon = 1e-14, maxit = 200))
  p <- fit$fitted.values; how <- left_out(x * (scale * (done / due - p)), x, scale * p * (1 - p), cluster)
  list(b = unname(fit$coefficients), V = how$V, df = how$df %||% (nrow(x) - ncol(x)), x = x)
}

# Tables whose gaps the toolkit filled; what follows from all of them is pooled.
completed_use <- function(predictor, terms) {
  path <- file.path(folder, "analysed_later_use_imputed.csv")
  if (!file.exists(path)) cannot("scores and covariates as they were filled: `dta validate ... --analysed FOLDER` writes them")
  filled <- once("filled", function() cells_of(path, ",", "UTF-8"))
  filled <- filled[filled$predictor == predictor, ]; d <- watched_use()
  table <- as.matrix(d[, c(predictor, terms), drop = FALSE])
  lapply(unique(filled$imputation), function(m) {
    own <- filled[filled$imputation == m, ]
    table[cbind(match(own$participant, d$participant), match(own$column, colnames(table)))] <- as.numeric(own$value)
    if (anyNA(table)) stop("a gap is not filled")
    table
  })
}

# Remaining use on each completed table, the scores of those without one moved by a share of a standard deviation.
imputed_use <- function(predictor, terms, shift = 0) once(paste("imputed", predictor, shift), function() {
  d <- watched_use(); silent <- is.na(d[[predictor]]); cluster <- d[[".cluster"]]
  each <- vapply(completed_use(predictor, terms), function(table) {
    x <- scale(table); x[, 1] <- x[, 1] + shift * silent
    fit <- logit_use(x, d$done, d$due, cluster, 0.95)
    units <- function(b) { p <- plogis(drop(fit$x %*% b)); mean(d$due * p * (1 - p)) * b[2] }
    g <- vapply(seq_along(fit$b), function(j) { h <- 1e-5 * max(1, abs(fit$b[j])); e <- replace(numeric(length(fit$b)), j, h)
      (units(fit$b + e) - units(fit$b - e)) / (2 * h) }, 0)
    c(fit$b[2], fit$V[2, 2], units(fit$b), drop(t(g) %*% fit$V %*% g))
  }, numeric(4))
  df <- if (is.null(cluster)) nrow(d) - length(terms) - 2 else length(unique(cluster)) - 1
  list(n = nrow(d), silent = sum(silent), b = pooled(each[1, ], each[2, ], df), effect = pooled(each[3, ], each[4, ], df))
})

twin_use_shifted <- function(predictor, terms, level, shifts) {
  each <- lapply(shifts, function(s) {
    f <- imputed_use(predictor, terms, s); half <- qt(0.5 + level / 2, f$effect$df) * f$effect$se
    c(f$n, f$silent, f$effect$estimate + c(0, -half, half), 2 * pt(-abs(f$b$estimate / f$b$se), f$b$df))
  })
  m <- do.call(rbind, each)
  list(n = m[, 1], imputed = m[, 2], effect = m[, 3], effect_lower = m[, 4], effect_upper = m[, 5], pvalue = m[, 6])
}

# One score in one of these models: what its row of the table says.
twin_use_further <- function(model, predictor, terms, level) once(paste("further", model, predictor), function() {
  d <- later_use(); x <- use_columns(predictor, terms); cluster <- d[[".cluster"]]; n <- nrow(d)
  share <- function(x, w) function(b) { p <- plogis(drop(x %*% b)); sum(w / sum(w) * d$due * p * (1 - p)) * b[2] }
  kind <- "odds"; columns <- ncol(x) + 1
  if (model == "beta") {
    fit <- beta_use(x, d$done, d$due, cluster); effect <- delta_of(share(fit$x, rep(1, n)), fit, level)
    b <- fit$b[2]; se <- sqrt(fit$V[2, 2]); df <- fit$df
  } else if (model == "weighted") {
    w <- response_weights(terms)[d$participant]
    fit <- weighted_use(x, d$done, d$due, w, cluster); effect <- delta_of(share(fit$x, w), fit, level)
    b <- fit$b[2]; se <- sqrt(fit$V[2, 2]); df <- fit$df
  } else if (model == "chosen") {
    fit <- chosen_counts(x, d$active_days_after, cluster); effect <- delta_of(fit$units, fit, level)
    inner <- delta_of(fit$ratio, fit, level); b <- inner[1]; df <- fit$df
    se <- (inner[3] - inner[1]) / qt(0.5 + level / 2, df); kind <- "risk"; columns <- 1
  } else {
    fit <- imputed_use(predictor, terms); n <- fit$n; columns <- 1
    b <- fit$b$estimate; se <- fit$b$se; df <- fit$b$df
    effect <- fit$effect$estimate + c(0, -1, 1) * qt(0.5 + level / 2, fit$effect$df) * fit$effect$se
  }
  half <- qt(0.5 + level / 2, df) * se; limits <- exp(b + c(0, -half, half))
  near <- if (limits[2] <= 1 && 1 <= limits[3]) 1 else explained_away(if (limits[2] > 1) limits[2] else limits[3], kind)
  list(n = n, coefficient = b, se = se, pvalue = 2 * pt(-abs(b / se), df), ratio = limits[1], ci_lower = limits[2], ci_upper = limits[3],
    effect = effect[1], effect_lower = effect[2], effect_upper = effect[3], e_value = explained_away(limits[1], kind), e_value_limit = near,
    columns = columns, per_column = n / columns)
})

# One end of use among several: its hazard among those still there, or the hazard of its share (Fine and Gray 1999), whose
# weights are the chance of not yet being censored. Errors by people, or clusters, left out.
twin_use_end <- function(predictor, terms, early, end, share, level) once(paste("end", predictor, end, share), function() {
  needs("survival")
  d <- later_use(); x <- use_columns(predictor, terms); here <- d$at_risk == 1; n <- sum(here)
  cause <- d$.cause[here]; time <- d$.ended_after[here]; z <- x[here, , drop = FALSE]; events <- sum(cause == end)
  # of early use as many columns as people (one for 15) and ends (one for 10) bear, two at least
  borne <- min(early, max(2, min(n %/% 15, events %/% 10) - (ncol(x) - early)))
  held <- apply(z, 2, function(v) max(v) > min(v)); if (borne < early) held[(2 + borne):(1 + early)] <- FALSE
  u <- undecided(z[, held, drop = FALSE], terms[held[-1]], cause != end)
  z <- z[u$rows, held, drop = FALSE][, u$columns, drop = FALSE]; time <- time[u$rows]; cause <- cause[u$rows]
  cluster <- d[[".cluster"]]; cluster <- if (is.null(cluster)) NULL else cluster[here][u$rows]
  fit <- if (share) share_use(z, time, cause, end, cluster) else cox_use(z, time, as.numeric(cause == end), cluster)
  b <- unname(fit$b[1]); se <- sqrt(fit$V[1, 1]); half <- qt(0.5 + level / 2, fit$df) * se
  list(n = n, events = events, coefficient = b, se = se, pvalue = 2 * pt(-abs(b / se), fit$df), ratio = exp(b), ci_lower = exp(b - half),
    ci_upper = exp(b + half))
})

share_use <- function(x, time, cause, end, cluster) {
  n <- nrow(x); p <- ncol(x); colnames(x) <- paste0("x", seq_len(p)); mine <- cause == end; other <- cause != 0 & !mine
  status <- factor(ifelse(cause == 0, 0, ifelse(mine, 1, 2)), 0:2)
  long <- survival::finegray(survival::Surv(time, status) ~ ., data.frame(time, status, x), etype = "1")
  fit <- survival::coxph(survival::Surv(fgstart, fgstop, fgstatus) ~ as.matrix(long[colnames(x)]), data = long, weights = long$fgwt, ties = "breslow",
    control = survival::coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 60))
  b <- unname(coef(fit)); e <- exp(drop(x %*% b))
  lost <- sort(unique(time[cause == 0])); gone <- vapply(lost, function(t) sum(cause == 0 & time == t), 0)
  at <- vapply(lost, function(t) sum(time >= t), 0); free <- cumprod(c(1, 1 - gone / at))
  G <- function(t) free[findInterval(t, lost, left.open = TRUE) + 1]
  when <- sort(unique(time[mine])); d <- vapply(when, function(t) sum(mine & time == t), 0)
  W <- outer(time, when, ">=") + 0; W[other, ] <- ifelse(W[other, ] == 1, 1, outer(1 / G(time[other]), G(when)))
  # coxph stops where the likelihood no longer grows, a little before the slopes are 0
  for (k in 1:3) {
    S <- colSums(W * e); m <- crossprod(W * e, x) / S
    b <- b + drop(solve(crossprod(x, drop((W * e) %*% (d / S)) * x) - crossprod(m, d * m), colSums(x[mine, , drop = FALSE]) - drop(d %*% m)))
    e <- exp(drop(x %*% b))
  }
  S <- colSums(W * e); m <- crossprod(W * e, x) / S; h <- d / S
  U <- -e * (drop(W %*% h) * x - W %*% (h * m)); at_end <- match(time[mine], when); U[mine, ] <- U[mine, ] + x[mine, , drop = FALSE] - m[at_end, , drop = FALSE]
  # what each moves through the estimate of censoring
  pull <- t(vapply(lost, function(t) {
    i <- other & time < t; j <- when >= t; if (!any(i) || !any(j)) return(numeric(p))
    w <- sweep(W[i, j, drop = FALSE] * e[i], 2, h[j], "*"); colSums(x[i, , drop = FALSE] * rowSums(w)) - drop(colSums(w) %*% m[j, , drop = FALSE])
  }, numeric(p)))
  if (p == 1) pull <- matrix(pull, ncol = 1)
  if (length(lost)) for (i in seq_len(n)) {
    before <- lost <= time[i]
    U[i, ] <- U[i, ] - colSums(pull[before, , drop = FALSE] * (gone / at^2)[before])
    if (cause[i] == 0) { k <- match(time[i], lost); U[i, ] <- U[i, ] + pull[k, ] / at[k] }
  }
  each <- lapply(seq_len(n), function(i) { v <- sweep(-m, 2, x[i, ], "+"); crossprod(v, e[i] * W[i, ] * h * v) })
  whole <- Reduce(`+`, each)
  units <- if (is.null(cluster)) as.list(seq_len(n)) else lapply(unique(cluster), function(g) which(cluster == g))
  moved <- t(vapply(units, function(i) solve_rest(whole - Reduce(`+`, each[i]), colSums(U[i, , drop = FALSE])), numeric(p)))
  if (p == 1) moved <- matrix(moved, ncol = 1)
  c(list(b = b), if (is.null(cluster)) list(V = crossprod(moved), df = Inf) else of_clusters(moved))
}

# Share that met an end (Aalen and Johansen), with the errors of the infinitesimal jackknife.
twin_use_incidence <- function(end, times, level) {
  needs("survival")
  d <- later_use(); here <- d$at_risk == 1; time <- signif(d$.ended_after[here], 12); cause <- d$.cause[here]
  fit <- survival::survfit(survival::Surv(time, factor(cause, 0:3)) ~ 1, id = seq_along(time))
  at <- findInterval(times + 1e-9, fit$time); column <- match(as.character(end), fit$states)
  f <- c(0, fit$pstate[, column])[at + 1]; se <- c(0, fit$std.err[, column])[at + 1]
  inner <- f > 0 & f < 1; half <- qnorm(0.5 + level / 2) * se / abs(f * log(f))
  list(at_risk = vapply(times, function(t) sum(time >= t - 1e-9), 0L), incidence = f, se = se,
    ci_lower = ifelse(inner, f^exp(half), f), ci_upper = ifelse(inner, f^exp(-half), f))
}
