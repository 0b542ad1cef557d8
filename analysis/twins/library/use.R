# ---- Later use: models of the people at the landmark, as the table as analysed holds them ----

later_use <- function() once("later use", function() {
  path <- file.path(folder, "analysed_later_use.csv")
  if (!file.exists(path)) cannot("days of use counted in the log: `dta validate ... --analysed FOLDER` writes them by person")
  table <- cells_of(path, ",", "UTF-8")
  absent <- setdiff(c("participant", "done", "due", "at_risk", "disengaged", "disengaged_after"), names(table))
  if (length(absent)) cannot(paste("a whole table of later use: analysed_later_use.csv lacks", paste(absent, collapse = ", ")))
  for (c in setdiff(names(table), "participant")) table[[c]] <- suppressWarnings(as.numeric(table[[c]]))
  table
})

scaled <- function(v) if (all(v %in% c(0, 1))) v else (v - mean(v)) / sd(v)

# The score in standard deviations, then what is held constant.
use_columns <- function(predictor, terms) {
  d <- later_use()
  x <- vapply(terms, function(c) scaled(d[[c]]), numeric(nrow(d)))
  cbind((d[[predictor]] - mean(d[[predictor]])) / sd(d[[predictor]]), matrix(x, nrow(d)))
}

# Groups (columns of two values, and the one of each covariate that has no column) in which everyone fares alike: their
# coefficients have no end, and those of everyone else are as if they were not there. Columns called alike that overlap
# are of two covariates.
undecided <- function(x, terms, ...) {
  alike <- list(...); rows <- rep(TRUE, nrow(x)); columns <- rep(TRUE, ncol(x))
  groups <- which(seq_len(ncol(x)) > 1 & apply(x, 2, function(v) length(unique(v)) == 2))
  member <- apply(x, 2, function(v) v == max(v))
  parts <- list(); called <- character(0)
  for (j in groups) {
    f <- sub(":.*", "", terms[j - 1])
    at <- Find(function(k) called[k] == f && !any(rowSums(member[, parts[[k]], drop = FALSE]) > 0 & member[, j]), seq_along(parts))
    if (is.null(at)) { parts[[length(parts) + 1]] <- j; called <- c(called, f) } else parts[[at]] <- c(parts[[at]], j)
  }
  # Parts of one name come together, as their covariates do.
  parts <- parts[order(match(called, unique(called)))]
  ends <- function(own) any(own) && any(vapply(alike, function(a) all(a[own]), TRUE))
  again <- !ends(rows)
  while (again) {
    again <- FALSE
    for (own in parts) {
      left <- Filter(function(j) columns[j], own); gone <- NULL
      for (j in left) if (ends(rows & member[, j])) { gone <- rows & member[, j]; columns[j] <- FALSE; break }
      if (is.null(gone) && length(left)) {
        rest <- rows & rowSums(member[, left, drop = FALSE]) == 0
        if (ends(rest)) { gone <- rest; columns[left[1]] <- FALSE }
      }
      if (!is.null(gone)) { rows <- rows & !gone; again <- !ends(rows); break }
    }
  }
  columns <- columns & (seq_len(ncol(x)) == 1 | apply(x[rows, , drop = FALSE], 2, sd) > 0)
  # What others repeat in these rows; the score comes last.
  order <- c(which(columns)[-1], 1); told <- qr(cbind(1, x[rows, order, drop = FALSE]), tol = 1e-7)
  columns[setdiff(order, c(NA, order)[told$pivot[seq_len(told$rank)]])] <- FALSE
  list(rows = rows, columns = columns)
}

# Solves with what the rest tells of: a column that one person alone has is left where it is.
solve_rest <- function(m, u) {
  size <- sqrt(pmax(diag(m), 0)); size[size == 0] <- 1
  e <- eigen(m / outer(size, size), symmetric = TRUE); told <- e$values > 1e-10 * max(e$values)
  v <- e$vectors[, told, drop = FALSE]
  drop(v %*% (crossprod(v, u / size) / e$values[told])) / size
}

# How a solution moves without each person (or each cluster): one Newton step; covariance and Student's t of it.
left_out <- function(U, x, w, cluster = NULL) {
  whole <- crossprod(x, w * x)
  if (is.null(cluster)) {
    bread <- solve(whole)
    rest <- 1 - w * rowSums((x %*% bread) * x); U[rest < 1e-9, ] <- 0
    moved <- (U / pmax(rest, 1e-9)) %*% bread
    return(list(V = crossprod(moved), df = NULL))
  }
  moved <- t(vapply(unique(cluster), function(g) {
    own <- cluster == g
    solve_rest(whole - crossprod(x[own, , drop = FALSE], w[own] * x[own, , drop = FALSE]), colSums(U[own, , drop = FALSE]))
  }, numeric(ncol(x))))
  of_clusters(moved)
}
of_clusters <- function(moved) list(V = (nrow(moved) - 1) / nrow(moved) * crossprod(moved), df = nrow(moved) - 1)

logit_use <- function(x, done, due, cluster, level, df = NULL) {
  x <- cbind(1, x)
  fit <- glm.fit(x, done / due, due, family = quasibinomial(), control = glm.control(epsilon = 1e-14, maxit = 200))
  p <- fit$fitted.values
  if (is.null(df)) { how <- left_out(x * (due * (done / due - p)), x, due * p * (1 - p), cluster); df <- how$df %||% (nrow(x) - ncol(x)) }
  else { how <- if (is.null(cluster)) list(V = solve(crossprod(x, due * p * (1 - p) * x))) else left_out(x * (due * (done / due - p)), x, due * p * (1 - p), cluster); df <- how$df %||% df }
  list(b = fit$coefficients, V = how$V, df = df, x = x, p = p)
}

# Change of a function of the coefficients, by the delta method with numerical derivatives.
delta_of <- function(f, fit, level) {
  g <- vapply(seq_along(fit$b), function(j) {
    h <- 1e-5 * max(1, abs(fit$b[j])); e <- replace(numeric(length(fit$b)), j, h)
    (f(fit$b + e) - f(fit$b - e)) / (2 * h)
  }, 0)
  half <- qt(0.5 + level / 2, fit$df) * sqrt(drop(t(g) %*% fit$V %*% g))
  f(fit$b) + c(0, -half, half)
}

cox_use <- function(x, time, event, cluster, terms = NULL) {
  needs("survival")
  control <- survival::coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 60)
  fit <- survival::coxph(survival::Surv(time, event) ~ x, ties = "efron", control = control)
  b <- unname(coef(fit))
  if (!is.null(cluster)) {
    once_more <- survival::coxph.control(iter.max = 1, toler.chol = 1e-13)
    moved <- t(vapply(unique(cluster), function(g) {
      rest <- cluster != g
      coef(survival::coxph(survival::Surv(time[rest], event[rest]) ~ x[rest, , drop = FALSE], ties = "efron", init = b, control = once_more)) - b
    }, b))
    return(c(list(b = b, fit = fit), of_clusters(moved)))
  }
  # Score and information of each person under the hazard of all, event after event; those tied leave by steps.
  e <- exp(drop(x %*% b)); n <- nrow(x); p <- ncol(x)
  when <- sort(unique(time[event == 1]))
  U <- matrix(0, n, p); whole <- matrix(0, p, p)
  zero <- numeric(n); one <- matrix(0, n, p); two <- matrix(0, n, p * p)
  for (t in when) {
    dead <- which(event == 1 & time == t); D <- length(dead); there <- time >= t
    for (l in seq_len(D)) {
      at <- as.numeric(there); at[dead] <- 1 - (l - 1) / D
      S <- sum(at * e); m <- colSums(at * e * x) / S
      zero <- zero + at / S; one <- one + outer(at / S, m); two <- two + outer(at / S, c(outer(m, m)))
      U[dead, ] <- U[dead, ] + sweep(x[dead, , drop = FALSE], 2, m) / D
    }
  }
  U <- U - e * (zero * x - one)
  each <- function(i) e[i] * matrix(zero[i] * outer(x[i, ], x[i, ]) - outer(x[i, ], one[i, ]) - outer(one[i, ], x[i, ]) + two[i, ], p)
  for (i in seq_len(n)) whole <- whole + each(i)
  moved <- t(vapply(seq_len(n), function(i) solve_rest(whole - each(i), U[i, ]), b))
  if (p == 1) moved <- matrix(moved, n)
  list(b = b, V = crossprod(moved), df = Inf, fit = fit)
}

# By week: one row for each person and week, a baseline for each week in which somebody left.
weekly_use <- function(x, time, event, cluster) {
  last <- ifelse(event == 1, ceiling(time / 7 - 1e-9), floor(time / 7 + 1e-9))
  who <- rep(seq_along(last), last); week <- sequence(last)
  left <- as.numeric(event[who] == 1 & week == last[who])
  some <- sort(unique(week[left == 1]))
  block_of <- pmin(findInterval(week, some, left.open = TRUE) + 1, length(some))
  design <- cbind(outer(block_of, seq_along(some), "==") + 0, x[who, , drop = FALSE])
  fit <- suppressWarnings(glm.fit(design, left, family = binomial("cloglog"), control = glm.control(epsilon = 1e-14, maxit = 300)))
  w <- fit$weights; U <- design * (w * fit$residuals)
  how <- left_out(U, design, w, if (is.null(cluster)) who else cluster[who])
  if (is.null(cluster)) how <- list(V = how$V * (how$df + 1) / how$df, df = Inf)
  # Weeks without anybody leaving share the baseline of the next in which somebody does.
  all_weeks <- pmin(findInterval(seq_len(max(last)), some, left.open = TRUE) + 1, length(some))
  list(b = fit$coefficients, V = how$V, df = how$df, first = length(some), blocks = all_weeks)
}

nb_slopes <- function(m, y, size) list(line = size * (y - m) / (size + m),
  alpha = -size * (digamma(y + size) - digamma(size) + log(size / (size + m)) + 1 - (size + y) / (size + m)))

counted_use <- function(x, days, cluster) {
  needs("MASS")
  x <- cbind(1, x)
  fit <- MASS::glm.nb(days ~ 0 + x, control = glm.control(epsilon = 1e-14, maxit = 500))
  m <- fitted(fit); spread <- 1 + m / fit$theta
  found <- list(b = unname(coef(fit)), x = x, alpha = -log(fit$theta), value = as.numeric(logLik(fit)))
  if (is.null(cluster)) return(c(found, list(V = left_out(x * (days - m) / spread, x, m * (1 + days / fit$theta) / spread^2)$V, df = Inf)))
  k <- ncol(x)
  rows <- function(t) { s <- nb_slopes(exp(drop(x %*% t[1:k])), days, exp(-t[k + 1])); cbind(x * s$line, s$alpha) }
  how <- of_clusters(left_out_of(rows, c(found$b, found$alpha), cluster))
  c(found, list(V = how$V[1:k, 1:k], df = how$df))
}

outcome_use <- function(x, y, cluster) {
  here <- is.finite(y); x <- cbind(1, x)[here, , drop = FALSE]; y <- y[here]
  fit <- lm.fit(x, y)
  how <- left_out(x * fit$residuals, x, rep(1, nrow(x)), if (is.null(cluster)) NULL else cluster[here])
  list(b = unname(fit$coefficients), V = how$V, df = how$df %||% (nrow(x) - ncol(x)), x = x, spread = sd(y))
}

explained_away <- function(ratio, kind) {
  risk <- switch(kind, risk = ratio, odds = sqrt(ratio), hazard = (1 - 0.5^sqrt(ratio)) / (1 - 0.5^sqrt(1 / ratio)), difference = exp(0.91 * ratio))
  risk <- max(risk, 1 / risk)
  risk + sqrt(risk * (risk - 1))
}

# One score in one model: what its row of the table says.
twin_use <- function(model, predictor, terms, level) once(paste("use", model, predictor), function() use_of(model, predictor, terms, level))

use_of <- function(model, predictor, terms, level) {
  d <- later_use(); x <- use_columns(predictor, terms); cluster <- d[[".cluster"]]
  here <- d$at_risk == 1; whole <- sum(here); column_count <- ncol(x)
  if (model %in% c("hazard", "weekly")) {
    # by week those count who were seen for a whole one, or until they left
    weeks <- sum(d$disengaged[here] == 1 | floor(d$disengaged_after[here] / 7 + 1e-9) > 0)
    u <- undecided(x[here, , drop = FALSE], terms, d$disengaged[here] == 0)
    here[here] <- u$rows; x <- x[, u$columns, drop = FALSE]
  }
  held <- if (is.null(cluster)) NULL else cluster[here]
  events <- NA; effect <- rep(NA, 3); column <- 2; kind <- "odds"; spread <- 1
  share <- function(x, due) function(b) { p <- plogis(drop(x %*% b)); mean(due * p * (1 - p)) * b[2] }
  if (model == "remaining") {
    fit <- logit_use(x, d$done, d$due, cluster, level); effect <- delta_of(share(fit$x, d$due), fit, level); n <- nrow(d)
  } else if (model == "days") {
    fit <- logit_use(x, d$active_days_after, d$days_watched, cluster, level); n <- nrow(d)
    effect <- delta_of(share(fit$x, d$days_watched), fit, level)
  } else if (model == "reached") {
    u <- undecided(x, terms, d$adherent_after == 1, d$adherent_after == 0); some <- u$rows
    fit <- logit_use(x[some, u$columns, drop = FALSE], d$adherent_after[some], rep(1, sum(some)),
      if (is.null(cluster)) NULL else cluster[some], level, df = Inf)
    n <- nrow(d); effect <- sum(some) / n * delta_of(share(fit$x, rep(100, sum(some))), fit, level)
    events <- sum(d$adherent_after)
  } else if (model == "hazard") {
    fit <- cox_use(x[here, , drop = FALSE], d$disengaged_after[here], d$disengaged[here], held)
    column <- 1; kind <- "hazard"; n <- whole; events <- sum(d$disengaged[here])
  } else if (model == "weekly") {
    fit <- weekly_use(x[here, , drop = FALSE], d$disengaged_after[here], d$disengaged[here], held)
    k <- fit$first; z <- x[here, , drop = FALSE]
    effect <- sum(here) / whole * delta_of(function(b) {
      hazard <- sum(exp(b[seq_len(k)])[fit$blocks]) * exp(drop(z %*% b[-seq_len(k)]))
      -100 * b[k + 1] * mean(hazard * exp(-hazard))
    }, fit, level)
    column <- k + 1; kind <- "hazard"; n <- weeks; events <- sum(d$disengaged[here])
  } else if (model == "counts") {
    fit <- counted_use(x, d$active_days_after, cluster); kind <- "risk"; n <- nrow(d)
    effect <- delta_of(function(b) mean(exp(drop(fit$x %*% b))) * b[2], fit, level)
  } else {
    fit <- outcome_use(x, d$.outcome, cluster); kind <- "difference"; n <- nrow(fit$x); spread <- fit$spread
  }
  b <- unname(fit$b[column]); se <- sqrt(fit$V[column, column]); half <- qt(0.5 + level / 2, fit$df) * se
  limits <- b + c(0, -half, half)
  if (kind == "difference") effect <- limits else limits <- exp(limits)
  none <- if (kind == "difference") 0 else 1
  near <- if (limits[2] <= none && none <= limits[3]) 1
    else explained_away((if (limits[2] > none) limits[2] else limits[3]) / spread, kind)
  columns <- length(fit$b) + if (model %in% c("hazard", "weekly", "reached")) column_count - sum(u$columns) else 0
  list(n = n, events = events, coefficient = b, se = se, pvalue = 2 * pt(-abs(b / se), fit$df),
    ratio = limits[1], ci_lower = limits[2], ci_upper = limits[3], effect = effect[1], effect_lower = effect[2],
    effect_upper = effect[3], e_value = explained_away(limits[1] / spread, kind), e_value_limit = near,
    columns = columns, per_column = (if (is.na(events)) n else events) / columns)
}

# p values of themes adjusted within a model; a score that stands apart keeps its own.
twin_adjusted <- function(of, at, how) {
  p <- made[[paste(current, of, "pvalue")]]
  if (length(p) < max(at) || anyNA(p[at])) cannot("what it is taken from could not be made again")
  list(value = p.adjust(p[at], how))
}

# A score that is context: held constant, and crossed with the score.
twin_use_context <- function(model, predictor, context, terms, level) {
  d <- later_use(); x <- use_columns(predictor, terms)
  score <- x[, 1]; z <- (d[[context]] - mean(d[[context]])) / sd(d[[context]]); others <- x[, -1, drop = FALSE]
  cluster <- d[[".cluster"]]; here <- d$at_risk == 1; whole <- sum(here)
  if (model == "hazard") {
    u <- undecided(x[here, , drop = FALSE], terms, d$disengaged[here] == 0)
    here[here] <- u$rows; others <- x[, u$columns, drop = FALSE][, -1, drop = FALSE]
    fit_of <- function(x) cox_use(x[here, , drop = FALSE], d$disengaged_after[here], d$disengaged[here], if (is.null(cluster)) NULL else cluster[here])
    at <- 0
  } else { fit_of <- function(x) logit_use(x, d$done, d$due, cluster, level); at <- 1 }
  told <- function(fit, weights, units = NULL) {
    b <- sum(weights * fit$b); se <- sqrt(drop(t(weights) %*% fit$V %*% weights)); half <- qt(0.5 + level / 2, fit$df) * se
    c(exp(b + c(0, -half, half)), 2 * pt(-abs(b / se), fit$df), if (at && !is.null(units)) delta_of(units, fit, level) else rep(NA, 3))
  }
  unit <- function(fit, place, more = NULL) { v <- numeric(length(fit$b)); v[place] <- 1; if (!is.null(more)) v[more[1]] <- more[2]; v }
  both <- fit_of(cbind(score, z, others)); crossed <- fit_of(cbind(score, z, score * z, others))
  slope <- function(fit, j) function(b) { p <- plogis(drop(fit$x %*% b)); mean(d$due * p * (1 - p)) * b[j] }
  rows <- list(told(both, unit(both, at + 1), slope(both, 2)), told(both, unit(both, at + 2), slope(both, 3)))
  for (level_of in c(-1, 0, 1)) rows[[length(rows) + 1]] <- told(crossed, unit(crossed, at + 1, c(at + 3, level_of)), function(b) {
    there <- crossed$x; there[, 3] <- level_of; there[, 4] <- level_of * there[, 2]
    p <- plogis(drop(there %*% b)); mean(d$due * p * (1 - p)) * (b[2] + level_of * b[4])
  })
  rows[[6]] <- told(crossed, unit(crossed, at + 3))
  m <- do.call(rbind, rows)
  list(n = rep(if (at) nrow(d) else whole, 6), ratio = m[, 1], ci_lower = m[, 2], ci_upper = m[, 3], pvalue = m[, 4],
    effect = m[, 5], effect_lower = m[, 6], effect_upper = m[, 7])
}

# Proportionality of hazards, the area under the curve of the threshold model, and a bent line of remaining use.
twin_use_checks <- function(predictor, terms, what) {
  d <- later_use(); x <- use_columns(predictor, terms); here <- d$at_risk == 1
  if (what == "area") {
    u <- undecided(x, terms, d$adherent_after == 1, d$adherent_after == 0); p <- d$adherent_after
    p[u$rows] <- logit_use(x[u$rows, u$columns, drop = FALSE], p[u$rows], rep(1, sum(u$rows)), NULL, 0.95, df = Inf)$p
    above <- outer(p[d$adherent_after == 1], p[d$adherent_after == 0], function(a, b) (a > b) + 0.5 * (a == b))
    return(list(value = mean(above)))
  }
  if (what == "curve") {
    score <- d[[predictor]]
    for (at in list(c(.05, .35, .65, .95), c(.1, .5, .9))) { knots <- quantile(score, at); if (!anyDuplicated(knots)) break }
    bent <- splines::ns(score, knots = knots[-c(1, length(knots))], Boundary.knots = knots[c(1, length(knots))])
    fit_of <- function(s) glm(d$done / d$due ~ s + x[, -1, drop = FALSE], weights = d$due, family = quasibinomial,
      control = glm.control(epsilon = 1e-14, maxit = 200))
    t <- anova(fit_of(score), fit_of(bent), test = "F")
    return(list(value = t$F[2], pvalue = t[["Pr(>F)"]][2]))
  }
  needs("survival")
  u <- undecided(x[here, , drop = FALSE], terms, d$disengaged[here] == 0)
  here[here] <- u$rows; x <- x[, u$columns, drop = FALSE]
  time <- d$disengaged_after[here]; event <- d$disengaged[here]; z <- x[here, , drop = FALSE]
  fit <- survival::coxph(survival::Surv(time, event) ~ z, ties = "efron",
    control = survival::coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 60))
  table <- survival::cox.zph(fit, transform = "identity", terms = FALSE)$table
  place <- if (what == "score") 1 else nrow(table)
  list(value = table[place, 1], pvalue = table[place, 3])
}

# Kaplan-Meier from the landmark in the thirds of a score, at the times of the table.
twin_use_curves <- function(predictor, third, times, level) {
  needs("survival")
  d <- later_use(); cuts <- quantile(d[[predictor]], c(1 / 3, 2 / 3))
  here <- d$at_risk == 1 & findInterval(d[[predictor]], cuts, left.open = TRUE) == third
  time <- d$disengaged_after[here]
  fit <- survival::survfit(survival::Surv(time, d$disengaged[here]) ~ 1, conf.type = "log-log", conf.int = level)
  at <- match(signif(times, 9), signif(fit$time, 9))
  begins <- times == 0 & is.na(at)  # nobody has left at the landmark itself
  told <- function(v, first) { v <- v[at]; v[begins] <- first; v }
  from <- vapply(times, function(t) { later <- fit$time[fit$time >= t - 1e-9]; if (length(later)) sum(time >= later[1]) else 0L }, 0L)
  list(at_risk = told(fit$n.risk, length(time)), events = told(fit$n.event, 0), surviving = told(fit$surv, 1),
    se = told(fit$surv * fit$std.err, 0), ci_lower = told(fit$lower, 1), ci_upper = told(fit$upper, 1), from = from)
}
