# ---- Retest, change, groups and relations to other things ----

read_side <- function(what) once(paste("side", what), function() {
  t <- open_table(what, must = FALSE)
  if (is.null(t)) cannot(paste("needs the table of", what))
  t
})

answered_at <- function(w) { a <- answers(); unique(a$participant[a$wave == w & rowSums(!is.na(a$values)) > 0]) }

stable_people <- function(first, second, rated) {
  both <- intersect(answered_at(first), answered_at(second))
  if (rated) {
    o <- read_side("outcomes")
    if (!is.null(o$wave) && any(o$wave %in% second)) o <- o[o$wave %in% second, , drop = FALSE]
    both <- intersect(both, o$participant[which(as_number(o$change_rating) == 0)])
  }
  both
}

twin_pairs <- function(first, second, rated) {
  list(pairs = length(intersect(answered_at(first), answered_at(second))),
    stable = length(stable_people(first, second, rated)))
}

twin_retest <- function(name, first, second, rated) {
  needs("psych")
  who <- stable_people(first, second, rated)
  d <- complete(data.frame(one = score_of(name, first)[who], two = score_of(name, second)[who]))
  i <- psych::ICC(as.matrix(d), lmer = FALSE); r <- i$results
  n <- nrow(d)
  ms <- c(between = var(rowMeans(d)) * 2, raters = var(colMeans(d)) * n, error = NA)
  total <- sum((as.matrix(d) - mean(as.matrix(d)))^2)
  ms["error"] <- (total - ms["between"] * (n - 1) - ms["raters"]) / (n - 1)
  sem <- sqrt(max(0, (ms["raters"] - ms["error"]) / n) + ms["error"])
  x <- d$two - d$one
  # ICC(A,1) without each person, by the mean squares; two measurements
  agreement <- function(m) {
    n <- nrow(m); g <- mean(m); b <- 2 * sum((rowMeans(m) - g)^2) / (n - 1); c <- n * sum((colMeans(m) - g)^2)
    e <- (sum((m - g)^2) - b * (n - 1) - c) / (n - 1)
    (b - e) / (b + e + 2 * (c - e) / n)
  }
  m <- unname(as.matrix(d))
  z <- function(r) log((1 + r) / (1 - r)) / 2
  half <- jackknife_half(vapply(seq_len(n), function(i) z(agreement(m[-i, , drop = FALSE])), 0))
  ci <- tanh(z(r["Single_random_raters", "ICC"]) + c(-half, half))
  list(n = n, icc = r["Single_random_raters", "ICC"], ci_lower = ci[1], ci_upper = ci[2], icc_consistency = r["Single_fixed_raters", "ICC"],
    sem = sem, sdc = qnorm(0.975) * sqrt(2) * sem, bias = mean(x), loa_lower = mean(x) - qnorm(0.975) * sd(x),
    loa_upper = mean(x) + qnorm(0.975) * sd(x))
}

# Pairs of places in which somebody stands, by the first and then by the second.
twin_pairs_of_places <- function(name, edges, first, second, rated) {
  who <- stable_people(first, second, rated)
  d <- complete(data.frame(one = score_of(name, first)[who], two = score_of(name, second)[who]))
  k <- length(edges) - 1
  n <- tabulate((place_of(d$one, edges) - 1) * k + place_of(d$two, edges), k * k); n <- n[n > 0]
  list(people = n, share = n / nrow(d))
}

twin_retest_levels <- function(name, first, second, rated, most, fewest) {
  who <- stable_people(first, second, rated)
  d <- complete(data.frame(one = score_of(name, first)[who], two = score_of(name, second)[who]))
  m <- rowMeans(d); x <- d$two - d$one
  g <- cut(m, unique(quantile(m, seq(0, 1, length.out = min(most, length(m) %/% fewest) + 1))), include.lowest = TRUE, labels = FALSE)
  keep <- as.integer(names(which(table(g) >= fewest)))
  each <- function(f) vapply(keep, f, 0)
  list(n = each(function(k) sum(g == k)), mean = each(function(k) mean(m[g == k])), difference = each(function(k) mean(x[g == k])),
    spread_lower = each(function(k) mean(x[g == k]) - 1.96 * sd(x[g == k])),
    spread_upper = each(function(k) mean(x[g == k]) + 1.96 * sd(x[g == k])), bias = rep(mean(x), length(keep)),
    loa_lower = rep(mean(x) - qnorm(0.975) * sd(x), length(keep)), loa_upper = rep(mean(x) + qnorm(0.975) * sd(x), length(keep)))
}

twin_mean <- function(name, wave, all_of = NULL) {
  v <- score_of(name, wave)
  for (w in all_of) { other <- score_of(name, w); v <- v[names(v) %in% names(other)[!is.na(other)]] }
  v <- v[!is.na(v)]
  r <- t.test(v)$conf.int
  list(n = length(v), mean = mean(v), ci_lower = r[1], ci_upper = r[2])
}

twin_change <- function(name, first, second, sem) {
  a <- score_of(name, first); b <- score_of(name, second)[names(a)]
  x <- (b - a)[!is.na(b - a)]; t <- qnorm(0.975) * sqrt(2) * sem
  list(n = length(x), threshold = t, higher = sum(x > t), lower = sum(x < -t), same = sum(abs(x) <= t),
    share_higher = mean(x > t), share_lower = mean(x < -t), most = mean(abs(x) > t))
}

twin_at_waves <- function(waves) {
  at <- lapply(waves, answered_at)
  list(at_first = length(at[[1]]), both = length(intersect(at[[1]], at[[2]])), stayed = length(Reduce(intersect, at)), waves = length(waves))
}

# Levels of invariance between two waves: the same factor at each, residuals of an item go together.
twin_levels_over_time <- function(items, waves, levels, kind = "ordinal") {
  fits <- once(paste("time", paste(items, collapse = " ")), function() {
    needs("lavaan", "semTools")
    a <- answers(); k <- keyed_values()
    who <- unique(a$participant[a$wave %in% waves])
    d <- do.call(cbind, lapply(seq_along(waves), function(w) {
      here <- a$wave == waves[w]; v <- k[here, items, drop = FALSE][match(who, a$participant[here]), , drop = FALSE]
      colnames(v) <- paste0(items, ".w", w); v
    }))
    d <- some(as.data.frame(d))
    names_at <- lapply(seq_along(waves), function(w) paste0(items, ".w", w))
    model <- paste(vapply(seq_along(waves), function(w) paste0("f", w, " =~ ", paste(names_at[[w]], collapse = " + ")), ""), collapse = "\n")
    suppressPackageStartupMessages(loadNamespace("semTools"))
    if (kind == "continuous") return(lapply(continuous_levels, function(equal) {
      s <- as.character(semTools::measEq.syntax(configural.model = model, data = d, meanstructure = TRUE, ID.fac = "std.lv", auto = "all",
        longFacNames = list(f = paste0("f", seq_along(waves))), longIndNames = setNames(lapply(items, function(i) paste0(i, ".w", seq_along(waves))), items),
        long.equal = equal))
      lavaan::cfa(s, d, meanstructure = TRUE, missing = rule_missing %||% "fiml", estimator = rule_continuous)
    }))
    lapply(ordinal_levels, function(equal) {
      s <- as.character(semTools::measEq.syntax(configural.model = model, data = d, ordered = names(d), missing = rule_missing %||% "pairwise",
        parameterization = "theta", ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", auto = "all",
        longFacNames = list(f = paste0("f", seq_along(waves))), longIndNames = setNames(lapply(items, function(i) paste0(i, ".w", seq_along(waves))), items),
        long.equal = equal))
      lavaan::cfa(s, d, ordered = names(d), parameterization = "theta", missing = rule_missing %||% "pairwise", estimator = rule_ordinal)
    })
  })
  as.list(level_numbers(fits[levels]))
}

# Variables side by side, wave by wave (`theme.w1`, `theme.w2`, ...): means of a theme's own items where they are
# given, else items or scores.
over_time_of <- function(syntax, variables, waves, missing, own = list(), estimator = "MLR") once(paste("over time", syntax, missing, estimator), function() {
  needs("lavaan")
  a <- answers(); k <- keyed_values()
  who <- unique(a$participant[a$wave %in% waves])
  at_wave <- function(name, wave) {
    here <- a$wave == wave; v <- k[here, , drop = FALSE]
    x <- if (name %in% names(own)) {
      v <- v[, own[[name]], drop = FALSE]; low <- scale_low[own[[name]]]; high <- scale_high[own[[name]]]
      if (length(unique(paste(low, high))) > 1) v <- 100 * sweep(sweep(v, 2, low), 2, high - low, "/")
      applies <- rowSums(a$why[here, own[[name]], drop = FALSE] != "not_applicable"); answered <- rowSums(!is.na(v))
      ifelse(applies > 0 & answered >= scoring$prorate * applies - 1e-9, rowMeans(v, na.rm = TRUE), NA)
    } else if (name %in% colnames(v)) v[, name] else score_of(name, wave)
    unname(x[match(who, a$participant[here])])
  }
  d <- list()
  for (w in seq_along(waves)) for (name in variables) d[[paste0(name, ".w", w)]] <- at_wave(name, waves[w])
  lavaan::sem(syntax, some(as.data.frame(d, check.names = FALSE)), estimator = estimator, missing = missing)
})

twin_over_time_fit <- function(syntax, variables, waves, missing, own = list(), estimator = "MLR")
  fit_numbers(over_time_of(syntax, variables, waves, missing, own, estimator))

# Paths by their labels, or by what they lead from and to.
twin_over_time <- function(syntax, variables, waves, missing, own = list(), estimator = "MLR", labels = NULL, lhs = NULL, rhs = NULL) {
  f <- over_time_of(syntax, variables, waves, missing, own, estimator); s <- lavaan::standardizedSolution(f); p <- lavaan::parameterEstimates(f)
  find <- function(t) if (is.null(labels)) mapply(function(a, b) which(t$op == "~" & t$lhs == a & t$rhs == b)[1], lhs, rhs)
    else vapply(labels, function(l) which(t$label == l | (t$op == ":=" & t$lhs == l))[1], 0L)
  s <- s[find(s), ]; p <- p[find(p), ]
  list(n = rep(lavaan::lavInspect(f, "ntotal"), nrow(s)), standardized = s$est.std, standardized_se = s$se, standardized_lower = s$ci.lower,
    standardized_upper = s$ci.upper, standardized_p = s$pvalue, estimate = p$est, estimate_se = p$se, estimate_lower = p$ci.lower,
    estimate_upper = p$ci.upper, pvalue = p$pvalue)
}

twin_both_waves <- function(first, second, scores = NULL) {
  a <- answers()
  asked <- function(w) if (is.null(scores)) a$participant[a$wave == w & rowSums(!is.na(keyed_values())) > 0]
    else Reduce(intersect, lapply(scores, function(s) { v <- score_of(s, w); names(v)[!is.na(v)] }))
  list(n = length(intersect(asked(first), asked(second))))
}

twin_covariate <- function(name, wave) {
  d <- people(wave = wave); v <- group_of(name)[rownames(d)]
  list(n = sum(!is.na(v)), values = length(unique(v[!is.na(v)])), all = nrow(d))
}

twin_covariate_levels <- function(name, wave, levels) {
  d <- people(wave = wave); v <- group_of(name)[rownames(d)]
  list(n = vapply(levels, function(l) sum(v == l, na.rm = TRUE), 0))
}

twin_related <- function(name, score, wave) {
  d <- people(wave = wave); v <- as_number(group_of(name)[rownames(d)]); y <- score_of(score, wave)[rownames(d)]
  t <- cor.test(v, y)
  list(n = sum(!is.na(v) & !is.na(y)), r = t$estimate[[1]], ci_lower = t$conf.int[1], ci_upper = t$conf.int[2])
}

twin_alpha_rows <- function(items, where) { a <- twin_alpha(items, where); list(n = a$n_rows, alpha = a$alpha_pairwise) }

# Heterotrait-monotrait ratios (Henseler et al. 2015), and with geometric means (Roemer et al. 2021).
twin_htmt <- function(themes, first, second, where, missing = "pairwise") {
  all <- unique(unlist(themes)); d <- chosen(setdiff(all, grep(":", all, value = TRUE)), where)
  for (i in grep(":", all, value = TRUE)) { # of another questionnaire
    m <- measured(sub(":.*", "", i)); here <- m$wave == where$wave
    d[[i]] <- m$keyed[here, sub(".*:", "", i)][match(rownames(d), m$participant[here])]
  }
  d <- rows_of_pairs(d[, all], missing); r <- abs(cor(d, use = "pairwise"))
  within <- function(i, mean_) { v <- r[themes[[i]], themes[[i]]]; mean_(v[upper.tri(v)]) }
  geo <- function(x) exp(mean(log(x)))
  one <- function(a, b, mean_) mean_(r[themes[[a]], themes[[b]]]) / sqrt(within(a, mean_) * within(b, mean_))
  list(n = nrow(d), htmt = mapply(function(a, b) one(a, b, mean), first, second), htmt2 = mapply(function(a, b) one(a, b, geo), first, second))
}

side_column <- function(name, who, wave) {
  o <- open_table("outcomes", must = FALSE)
  if (!is.null(o) && name %in% names(o)) {
    if ("wave" %in% names(o)) o <- o[o$wave == wave, ]
    return(as_number(o[[name]])[match(who, o$participant)])
  }
  c <- covariates()
  if (name %in% names(c)) return(as_number(c[[name]])[match(who, c$participant)])
  cannot(paste("needs a table with column", name))
}

twin_increment <- function(name, baseline, controls, outcome, wave) {
  s <- scores(); s <- s[s$wave == wave, ]
  d <- data.frame(s[[name]]); for (v in baseline) d[[v]] <- unname(amount(v, wave)[s$participant])
  for (v in c(controls, outcome)) d[[v]] <- side_column(v, s$participant, wave)
  d <- complete(d); names(d) <- paste0("v", seq_along(d)); y <- names(d)[ncol(d)]; rest <- setdiff(names(d), c("v1", y))
  small <- lm(reformulate(rest, y), d); large <- lm(reformulate(c("v1", rest), y), d)
  t <- anova(small, large)
  list(n = nrow(d), r_squared = summary(small)$r.squared, delta = summary(large)$r.squared - summary(small)$r.squared,
    slope = coef(large)[["v1"]] * sd(d$v1) / sd(d[[y]]), f = t$F[2], pvalue = t[["Pr(>F)"]][2])
}

twin_holm <- function(of, column) list(value = p.adjust(made[[paste(current, of, column)]], "holm"))

# ---- Graded response model, by mirt ----

graded_of <- function(items, where) once(paste("graded", paste(items, collapse = " ")), function() {
  needs("mirt")
  d <- some(chosen(items, where))
  mirt::mirt(d, 1, "graded", quadpts = 61, TOL = 1e-7, SE = TRUE, verbose = FALSE, technical = list(NCYCLES = 50000))
})

twin_graded <- function(items, where) {
  needs("mirt")
  m <- graded_of(items, where)
  t <- mirt::coef(m, IRTpars = TRUE, simplify = TRUE)$items
  out <- list(discrimination = t[, "a"])
  for (b in setdiff(colnames(t), "a")) out[[sub("^b", "difficulty_", b)]] <- t[, b]
  out
}

twin_information <- function(items, where, theta) {
  needs("mirt")
  i <- mirt::testinfo(graded_of(items, where), matrix(theta))
  list(information = i, standard_error = 1 / sqrt(i))
}

# ---- Relations: scores with each other and with amounts known of the same people, and by group ----

# One amount of each person: a score, a score of another questionnaire (ID_total too), a covariate, an outcome.
amount <- function(name, wave) {
  if (name %in% names(scores())) return(score_of(name, wave))
  for (id in names(measures)) {
    column <- if (name == paste0(id, "_total")) "total" else name
    if (!(column %in% c(names(measures[[id]]$scoring$themes), if (column != name) "total"))) next
    s <- measured(id)$scores; s <- s[s$wave == wave, ]
    return(setNames(s[[column]], s$participant))
  }
  if (name %in% names(covariates())) { v <- group_of(name); return(setNames(suppressWarnings(as_number(v)), names(v))) }
  who <- unique(answers()$participant)
  setNames(side_column(name, who, wave), who)
}

twin_correlation <- function(one, other, wave, method = "pearson") {
  a <- amount(one, wave); b <- amount(other, wave)[names(a)]
  here <- !is.na(a) & !is.na(b); a <- a[here]; b <- b[here]
  if (method == "spearman") { a <- rank(signif(a, 10)); b <- rank(signif(b, 10)) } # equal but for rounding is equal
  r <- cor.test(a, b); ends <- r$conf.int
  if (method == "spearman") { # Bonett and Wright (2000)
    rho <- unname(r$estimate); ends <- tanh(atanh(rho) + c(-1, 1) * qnorm(0.975) * sqrt((1 + rho^2 / 2) / (length(a) - 3)))
  }
  list(n = sum(here), r = unname(r$estimate), ci_lower = ends[1], ci_upper = ends[2], pvalue = r$p.value)
}

in_group <- function(name, wave, covariate, level) {
  v <- score_of(name, wave); g <- group_of(covariate)[names(v)]
  v[!is.na(v) & !is.na(g) & g %in% level]
}

twin_group_mean <- function(name, wave, covariate, level) {
  v <- in_group(name, wave, covariate, level); ends <- t.test(v)$conf.int
  list(n = length(v), mean = mean(v), sd = sd(v), mean_lower = ends[1], mean_upper = ends[2])
}

twin_group_difference <- function(name, wave, covariate, second, first) {
  x <- in_group(name, wave, covariate, second); y <- in_group(name, wave, covariate, first)
  welch <- t.test(x, y); ends <- welch$conf.int
  t <- t.test(x, y, var.equal = TRUE); df <- unname(t$parameter); t <- unname(t$statistic)
  limit <- function(q) uniroot(function(ncp) pt(t, df, ncp) - q, c(t - 8, t + 8), tol = 1e-10)$root
  scale <- exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2) * sqrt(1 / length(x) + 1 / length(y))
  list(n = length(x) + length(y), pvalue = welch$p.value, difference = mean(x) - mean(y), ci_lower = ends[1], ci_upper = ends[2], hedges_g = t * scale,
    g_lower = limit(0.975) * scale, g_upper = limit(0.025) * scale)
}
