# ---- Models of the structure, by lavaan ----

# lavaan takes no reserved word of R for a variable (`if`, `NULL`): such names go in and are looked for with a stroke.
reserved <- c("if", "else", "repeat", "while", "function", "for", "next", "break", "in", "NULL", "TRUE", "FALSE", "Inf", "NaN",
  "NA", "NA_integer_", "NA_real_", "NA_character_", "NA_complex_")
safe <- function(words) gsub(sprintf("(?<![A-Za-z0-9._])(%s)(?![A-Za-z0-9._])(?!\\s*[*(])", paste(reserved, collapse = "|")),
  "\\1._", words, perl = TRUE)

to_the_end <- list(rel.tol = 1e-14, x.tol = 1e-14, abs.tol = 0, eval.max = 20000, iter.max = 20000)

fit_of <- function(syntax, where, estimator, orthogonal = FALSE, control = list(), ...) {
  key <- paste("fit", syntax, paste(unlist(where), collapse = " "), estimator, orthogonal, length(control), ...length())
  once(key, function() {
    needs("lavaan")
    its <- intersect(items$item, unlist(strsplit(syntax, "[^A-Za-z0-9._]+")))
    d <- some(chosen(its, where)); names(d) <- its <- safe(its); syntax <- safe(syntax)
    ordered <- estimator %in% c("WLSMV", "ULSMV")
    fit <- function(...) lavaan::sem(syntax, d, estimator = estimator, ordered = if (ordered) its else NULL,
      missing = rule_missing %||% if (ordered) "pairwise" else "fiml", orthogonal = orthogonal, std.lv = orthogonal, ...)
    f <- fit(control = control, ...)
    if (!orthogonal) return(f)
    # A bifactor model has local optima: other starts are tried, and the best one is fitted whole.
    set.seed(1); best <- f; at <- lavaan::parTable(f); loads <- at$op == "=~" & at$free > 0
    rests <- at$op == "~~" & at$lhs == at$rhs & at$free > 0
    for (i in 1:10) {
      start <- at; start$est[loads] <- runif(sum(loads), 0.1, 0.8)
      start$est[rests] <- vapply(at$lhs[rests], function(v) if (v %in% its) var(d[[v]], na.rm = TRUE) / 2 else 1, 1)
      other <- tryCatch(fit(start = start, se = "none", test = "none", slotSampleStats = f@SampleStats), error = function(e) NULL)
      if (!is.null(other) && lavaan::lavInspect(other, "converged") && lavaan::lavInspect(other, "optim")$fx < lavaan::lavInspect(best, "optim")$fx - 1e-7) best <- other
    }
    if (identical(best, f)) f else fit(start = lavaan::parTable(best))
  })
}

# Before 0.7, lavaan divides the robust RMSEA of ordinal items by N less the number of groups.
divided_by_n <- function(x, n, groups, ordinal)
  if (ordinal && utils::packageVersion("lavaan") < "0.7") x * sqrt((n - groups) / n) else x

fit_numbers <- function(f) {
  m <- lavaan::fitMeasures(f); n <- lavaan::lavInspect(f, "ntotal"); g <- lavaan::lavInspect(f, "ngroups")
  ordinal <- lavaan::lavInspect(f, "options")$categorical
  one <- function(name) if (name %in% names(m)) m[[name]] else NA
  rob <- function(name) divided_by_n(one(name), n, g, ordinal)
  list(n = n, n_parameters = one("npar"), df = one("df"), chisq = one("chisq"), pvalue = one("pvalue"),
    chisq_scaled = one("chisq.scaled"), pvalue_scaled = one("pvalue.scaled"), cfi = one("cfi"), tli = one("tli"),
    rmsea = one("rmsea"), rmsea_ci_lower = one("rmsea.ci.lower"), rmsea_ci_upper = one("rmsea.ci.upper"), cfi_robust = one("cfi.robust"), cfi_scaled = one("cfi.scaled"), tli_robust = one("tli.robust"),
    tli_scaled = one("tli.scaled"), rmsea_robust = rob("rmsea.robust"), rmsea_scaled = one("rmsea.scaled"),
    rmsea_ci_lower_robust = rob("rmsea.ci.lower.robust"), rmsea_ci_upper_robust = rob("rmsea.ci.upper.robust"),
    rmsea_ci_lower_scaled = one("rmsea.ci.lower.scaled"), rmsea_ci_upper_scaled = one("rmsea.ci.upper.scaled"),
    srmr = one("srmr"), aic = one("aic"), bic = one("bic"))
}

twin_fit <- function(syntax, where, estimator, orthogonal = FALSE) fit_numbers(fit_of(syntax, where, estimator, orthogonal))

# Searched on from where lavaan stops: a corrected difference divides by a difference of corrections, which is small.
ended <- function(syntax, where, estimator, orthogonal) {
  f <- fit_of(syntax, where, estimator, orthogonal)
  if (orthogonal || estimator != "MLR") return(f)
  tryCatch(fit_of(syntax, where, estimator, control = list(reltol = 1e-16, maxit = 1000), optim.method = "BFGS", start = lavaan::parTable(f)),
    error = function(e) f)
}

twin_difference <- function(narrow, wide, where, estimator, narrow_orthogonal = FALSE, wide_orthogonal = FALSE) {
  a <- ended(narrow, where, estimator, narrow_orthogonal); b <- ended(wide, where, estimator, wide_orthogonal)
  t <- as.data.frame(lavaan::lavTestLRT(b, a))
  list(chisq_diff = t[2, "Chisq diff"], df_diff = t[2, "Df diff"], pvalue = t[2, "Pr(>Chisq)"])
}

standardised <- function(f) lavaan::standardizedSolution(f, se = FALSE)

twin_loadings <- function(syntax, where, estimator, orthogonal = FALSE) {
  f <- fit_of(syntax, where, estimator, orthogonal)
  p <- lavaan::parameterEstimates(f); p <- p[p$op == "=~", ]
  s <- lavaan::standardizedSolution(f); s <- s[s$op == "=~", ]
  list(loading = s$est.std, estimate = p$est, se = p$se, ci_lower = s$ci.lower, ci_upper = s$ci.upper)
}

# Estimates of a model in the order asked for; a defined parameter is found by its name.
twin_estimates <- function(syntax, where, estimator, parameters) {
  f <- fit_of(syntax, where, estimator)
  p <- lavaan::parameterEstimates(f, standardized = TRUE)
  one <- ifelse(p$op == ":=", paste(p$lhs, p$op), paste(p$lhs, p$op, p$rhs)); other <- paste(p$rhs, p$op, p$lhs)
  at <- vapply(safe(parameters), function(name) {
    name <- sub(":= .*$", ":=", name)
    c(which(one == name), which(other == name & p$op == "~~"))[1]
  }, 0L)
  list(n = rep(lavaan::lavInspect(f, "ntotal"), length(at)), est = p$est[at], se = p$se[at], ci_lower = p$ci.lower[at],
    ci_upper = p$ci.upper[at], pvalue = p$pvalue[at], std_all = p$std.all[at])
}

# Changes expected of what a model leaves out, standardised; covariances of errors by the whole variances.
changes_of <- function(syntax, where, estimator, orthogonal = FALSE) once(paste("changes", syntax, estimator, orthogonal), function() {
  f <- fit_of(syntax, where, estimator, orthogonal)
  # A small index is the square of a score that is almost 0: search on, to where the optimiser gives up.
  close <- if (orthogonal) f else tryCatch(fit_of(syntax, where, estimator, control = to_the_end), error = function(e) f)
  if (lavaan::lavInspect(close, "optim")$fx <= lavaan::lavInspect(f, "optim")$fx) f <- close
  m <- as.data.frame(lavaan::modindices(f)); m <- m[m$op %in% c("=~", "~~", "~", "~1") & is.finite(m$mi) & m$mi > 0, ]
  v <- diag(lavaan::lavInspect(f, "cov.ov")); own <- m$op == "~~" & m$lhs %in% names(v) & m$rhs %in% names(v)
  m$sepc <- m$sepc.all; m$sepc[own] <- m$epc[own] / sqrt(v[m$lhs[own]] * v[m$rhs[own]])
  m$se <- abs(m$sepc) / sqrt(m$mi); half <- qnorm(0.95) * m$se
  m$ci_lower <- m$sepc - half; m$ci_upper <- m$sepc + half
  m
})

twin_left_out <- function(syntax, where, estimator, lhs, op, rhs, trivial, orthogonal = FALSE) {
  m <- changes_of(syntax, where, estimator, orthogonal)
  key <- paste(m$lhs, m$op, m$rhs); turned <- paste(m$rhs, m$op, m$lhs)
  at <- mapply(function(a, o, b) c(which(key == paste(a, o, b)), which(turned == paste(a, o, b) & m$op == "~~"))[1], safe(lhs), op, safe(rhs))
  m <- m[at, ]
  c(as.list(m[c("mi", "epc", "sepc", "se", "ci_lower", "ci_upper")]),
    list(power = pchisq(qchisq(0.95, 1), 1, (trivial / m$se)^2, lower.tail = FALSE)))
}

counted <- function(lower, upper, size) {
  within <- lower > -size & upper < size; beyond <- lower > size | upper < -size
  list(all = length(lower), negligible = sum(within), relevant = sum(beyond & !within), undecided = sum(!within & !beyond))
}

twin_left_out_counts <- function(syntax, where, estimator, sizes, orthogonal = FALSE) {
  m <- changes_of(syntax, where, estimator, orthogonal)
  counted(m$ci_lower, m$ci_upper, unlist(sizes)[m$op])
}

residuals_of <- function(syntax, where, estimator, orthogonal = FALSE) once(paste("residuals", syntax, estimator, orthogonal), function() {
  r <- lavaan::lavResiduals(fit_of(syntax, where, estimator, orthogonal), type = "cor.bentler", se = TRUE)
  list(cov = unclass(r$cov), se = unclass(r$cov.se))
})

twin_residuals <- function(syntax, where, estimator, one, other, orthogonal = FALSE) {
  r <- residuals_of(syntax, where, estimator, orthogonal)
  at <- cbind(safe(one), safe(other)); v <- r$cov[at]; se <- r$se[at]
  list(residual = v, se = se, z = v / se, ci_lower = v - qnorm(0.95) * se, ci_upper = v + qnorm(0.95) * se)
}

twin_residual_counts <- function(syntax, where, estimator, size, orthogonal = FALSE) {
  r <- residuals_of(syntax, where, estimator, orthogonal)
  v <- r$cov[lower.tri(r$cov)]; half <- qnorm(0.95) * r$se[lower.tri(r$se)]
  known <- half > 1e-8 # the others are fitted by construction
  counted((v - half)[known], (v + half)[known], size)
}

twin_factor_correlations <- function(syntax, where, estimator) {
  s <- lavaan::standardizedSolution(fit_of(syntax, where, estimator))
  factors <- unique(s$lhs[s$op == "=~"])
  s <- s[s$op == "~~" & s$lhs != s$rhs & s$lhs %in% factors, ]
  list(r = s$est.std, ci_lower = s$ci.lower, ci_upper = s$ci.upper)
}

twin_extracted <- function(syntax, where, estimator) {
  s <- standardised(fit_of(syntax, where, estimator))
  l <- s[s$op == "=~", ]; factors <- unique(l$lhs)
  r <- s[s$op == "~~" & s$lhs != s$rhs & s$lhs %in% factors & s$rhs %in% factors, ]
  one <- function(f) {
    v <- l$est.std[l$lhs == f]
    with <- abs(r$est.std[r$lhs == f | r$rhs == f])
    c(ave = mean(v^2), composite_reliability = sum(abs(v))^2 / (sum(abs(v))^2 + sum(1 - v^2)), sqrt_ave = sqrt(mean(v^2)),
      largest_correlation = if (length(with)) max(with) else NA)
  }
  as.list(as.data.frame(t(sapply(factors, one))))
}

# Shares of a sum's variance in a bifactor model (Rodriguez et al. 2016), with errors by the delta method.
twin_bifactor <- function(syntax, where, estimator) {
  f <- fit_of(syntax, where, estimator, TRUE)
  s <- lavaan::standardizedSolution(f); k <- which(s$op == "=~")
  v <- lavaan::lavInspect(f, "vcov.std.all")
  label <- paste0(s$lhs[k], "=~", s$rhs[k]); v <- unclass(v)[label, label]
  factors <- unique(s$lhs[k]); its <- unique(s$rhs[k])
  shares <- function(x, part) {
    L <- matrix(0, length(its), length(factors), dimnames = list(its, factors))
    L[cbind(s$rhs[k], s$lhs[k])] <- x
    own <- L[part, , drop = FALSE]; common <- colSums(own)^2; unique_ <- sum(1 - rowSums(own^2)); all <- sum(common) + unique_
    c(omega = sum(common) / all, omega_general = common[[1]] / all, omega_group = sum(common[-1]) / all,
      ecv = sum(own[, 1]^2) / sum(own^2))
  }
  x <- s$est.std[k]
  parts <- c(list(its), lapply(factors[-1], function(g) s$rhs[k][s$lhs[k] == g]))
  rows <- lapply(parts, function(part) {
    at <- shares(x, part)
    J <- sapply(seq_along(x), function(i) { h <- 1e-5; a <- b <- x; a[i] <- a[i] + h; b[i] <- b[i] - h; (shares(a, part) - shares(b, part)) / (2 * h) })
    se <- sqrt(diag(J %*% v %*% t(J))); half <- qnorm(0.975) * se / (at * (1 - at))
    c(at, setNames(se, paste0(names(at), "_se")), setNames(plogis(qlogis(at) - half), paste0(names(at), "_ci_lower")),
      setNames(plogis(qlogis(at) + half), paste0(names(at), "_ci_upper")))
  })
  as.list(as.data.frame(do.call(rbind, rows)))
}

# Levels of invariance between groups: ordinal items as Wu & Estabrook (2016), theta parameterisation.
# Of binary items, equal thresholds and loadings restrict nothing before intercepts are equal, too.
levels_of <- function(items, where, covariate, groups, kind, free_items, free_parts) {
  key <- paste("levels", paste(items, collapse = " "), covariate, paste(unlist(where), collapse = " "), kind, paste(free_items, free_parts, collapse = " "))
  once(key, function() {
    needs("lavaan", if (kind != "continuous") "semTools")
    d <- chosen(items, where); names(d) <- items <- safe(items)
    g <- group_of(covariate)[rownames(d)]
    d$.group <- factor(g, levels = groups); d <- d[!is.na(d$.group), ] # no item has a point in its name
    d <- d[rowSums(!is.na(d[items])) > 0, ]
    model <- paste("common. =~", paste(items, collapse = " + "))
    free <- c(if (length(free_items)) mapply(function(item, part) switch(part, "=~" = paste("common. =~", item), "~~" = paste(item, "~~", item),
      "~1" = paste(item, "~ 1"), paste(item, "|", substring(part, 2))), safe(free_items), free_parts), recursive = TRUE)
    if (kind == "continuous") return(lapply(continuous_levels, function(equal) lavaan::cfa(model, d, group = ".group",
      group.equal = equal, group.partial = if (nzchar(equal[1])) free, missing = rule_missing %||% "fiml", estimator = rule_continuous)))
    suppressPackageStartupMessages(loadNamespace("semTools"))
    untold <- if (kind == "binary") c("thresholds", "metric") else character(0)
    lapply(replace(ordinal_levels, untold, list("")), function(equal) {
      s <- as.character(semTools::measEq.syntax(configural.model = model, data = d, ordered = items, missing = rule_missing %||% "pairwise",
        parameterization = "theta", ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = ".group", group.equal = equal, group.partial = free %||% ""))
      lavaan::cfa(s, d, group = ".group", ordered = items, parameterization = "theta", missing = rule_missing %||% "pairwise", estimator = rule_ordinal)
    })
  })
}
continuous_levels <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"),
  strict = c("loadings", "intercepts", "residuals"))
ordinal_levels <- list(configural = "", thresholds = "thresholds", metric = c("thresholds", "loadings"),
  scalar = c("thresholds", "loadings", "intercepts"), strict = c("thresholds", "loadings", "intercepts", "residuals"))

level_numbers <- function(fits) {
  rows <- lapply(fits, function(f) { m <- fit_numbers(f); unlist(m[c("n", "df", "chisq", "pvalue", "chisq_scaled", "pvalue_scaled", "cfi", "tli", "rmsea", "srmr", "cfi_scaled", "tli_scaled", "rmsea_scaled",
    "cfi_robust", "tli_robust", "rmsea_robust", "aic", "bic")]) })
  t <- as.data.frame(do.call(rbind, rows))
  t$rmsea_scaled[t$df == 0] <- 0 # lavaan gives none to a model that restricts nothing
  plain <- all(is.na(t$cfi_scaled))
  t$cfi_diff <- c(NA, diff(if (plain) t$cfi else t$cfi_scaled)); t$rmsea_diff <- c(NA, diff(if (plain) t$rmsea else t$rmsea_scaled)); t$srmr_diff <- c(NA, diff(t$srmr))
  t$chisq_diff <- t$df_diff <- t$pvalue_diff <- NA
  for (i in seq_along(fits)[-1]) if (t$df[i] > t$df[i - 1]) {
    if (!plain && t$df[i - 1] > 0 && is.na(t$chisq_scaled[i - 1]) || !plain && is.na(t$chisq_scaled[i])) next # no correction, no difference
    l <- as.data.frame(lavaan::lavTestLRT(fits[[i - 1]], fits[[i]]))
    t$chisq_diff[i] <- l[2, "Chisq diff"]; t$df_diff[i] <- l[2, "Df diff"]; t$pvalue_diff[i] <- l[2, "Pr(>Chisq)"]
  }
  t
}

twin_levels <- function(items, where, covariate, groups, levels, kind = "ordinal", free_items = character(0), free_parts = character(0)) {
  fits <- levels_of(items, where, covariate, groups, kind, free_items, free_parts)[levels]
  as.list(level_numbers(fits))
}
