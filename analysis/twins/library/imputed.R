# ---- Missing answers imputed: what is pooled over the tables that the toolkit completed ----

# Answers of a wave, turned, with each gap filled; draws cannot be repeated elsewhere, so what was drawn is read.
completed_answers <- function(where) once("completed", function() {
  path <- file.path(folder, "analysed_imputed.csv")
  if (!file.exists(path)) cannot("the answers that gaps were filled with: `dta validate ... --analysed FOLDER` writes them")
  filled <- cells_of(path, ",", "UTF-8"); d <- do.call(people, where); m <- as.matrix(d)
  absent <- sum(is.na(m))
  lapply(unique(filled$imputation), function(k) {
    own <- filled[filled$imputation == k, ]
    if (nrow(own) != absent) stop("not every gap is filled once")
    m[cbind(match(own$participant, rownames(d)), match(own$item, colnames(m)))] <- as.numeric(own$value)
    if (anyNA(m)) stop("a gap is not filled")
    as.data.frame(m, check.names = FALSE)
  })
})

# Rubin's rules; degrees of freedom of Barnard and Rubin, or Rubin's own where nothing bounds those of complete answers.
pooled <- function(estimates, variances, df = Inf) {
  m <- length(estimates); within <- mean(variances); extra <- (1 + 1 / m) * var(estimates); total <- within + extra
  lambda <- extra / total; of_draws <- (m - 1) / lambda^2
  df <- if (is.infinite(df)) of_draws else 1 / (1 / of_draws + 1 / ((df + 1) / (df + 3) * df * (1 - lambda)))
  r <- extra / within
  list(estimate = mean(estimates), se = sqrt(total), df = df, lost = if (is.finite(df)) (r + 2 / (df + 3)) / (r + 1) else lambda)
}
ends_of <- function(p, level = 0.95) p$estimate + c(-1, 1) * qt(0.5 + level / 2, p$df) * p$se

twin_imputed_consistency <- function(items, where, what) {
  tables <- lapply(completed_answers(where), function(d) d[, items, drop = FALSE]); k <- length(items); n <- nrow(tables[[1]])
  if (what == "alpha") {
    logs <- vapply(tables, function(d) { v <- cov(d); log(1 - k / (k - 1) * (1 - sum(diag(v)) / sum(v))) }, 0)
    p <- pooled(logs, rep(2 * k / ((k - 1) * (n - 2)), length(logs))); ends <- 1 - exp(rev(ends_of(p)))
    return(list(n = n, estimate = 1 - exp(p$estimate), ci_lower = ends[1], ci_upper = ends[2], missing_information = p$lost))
  }
  needs("lavaan")
  model <- paste(c(paste("common. =~", paste0("l", seq_len(k), "*", safe(items), collapse = " + ")), paste0(safe(items), " ~~ e", seq_len(k), "*", safe(items)),
    sprintf("omega := (%s)^2 / ((%s)^2 + %s)", paste0("l", seq_len(k), collapse = " + "), paste0("l", seq_len(k), collapse = " + "),
      paste0("e", seq_len(k), collapse = " + "))), collapse = "\n")
  each <- vapply(tables, function(d) {
    names(d) <- safe(names(d)); e <- lavaan::parameterEstimates(lavaan::cfa(model, d, std.lv = TRUE, estimator = "ML"))
    c(e$est[e$op == ":="], e$se[e$op == ":="])
  }, c(0, 0))
  p <- pooled(each[1, ], each[2, ]^2); ends <- ends_of(p)
  list(n = n, estimate = p$estimate, ci_lower = ends[1], ci_upper = ends[2], missing_information = p$lost)
}

# Fits of a model of the plan to each table, those that end.
imputed_fits <- function(syntax, where, estimator) once(paste("imputed", syntax), function() {
  needs("lavaan"); ordered <- estimator %in% c("WLSMV", "ULSMV")
  fits <- lapply(completed_answers(where), function(d) {
    names(d) <- safe(names(d)); its <- intersect(names(d), unlist(strsplit(safe(syntax), "[^A-Za-z0-9._]+")))
    tryCatch(lavaan::sem(safe(syntax), d[its], estimator = estimator, ordered = if (ordered) its else NULL,
      missing = rule_missing %||% if (ordered) "pairwise" else "fiml"), error = function(e) NULL)
  })
  Filter(function(f) !is.null(f) && lavaan::lavInspect(f, "converged"), fits)
})

# Tests of fit pooled (Li et al. 1991, D2).
twin_imputed_fit <- function(syntax, where, estimator) {
  fits <- imputed_fits(syntax, where, estimator); m <- length(fits)
  x <- vapply(fits, function(f) { n <- fit_numbers(f); if (is.na(n$chisq_scaled)) n$chisq else n$chisq_scaled }, 0)
  k <- fit_numbers(fits[[1]])$df; r <- (1 + 1 / m) * var(sqrt(x)); f <- (mean(x) / k - (m + 1) / (m - 1) * r) / (1 + r)
  df2 <- k^(-3 / m) * (m - 1) * (1 + 1 / r)^2
  list(n = lavaan::lavInspect(fits[[1]], "ntotal"), pooled = m, statistic = f, df1 = k, df2 = df2, pvalue = pf(f, k, df2, lower.tail = FALSE))
}

twin_imputed_estimates <- function(syntax, where, estimator, parameters) {
  each <- lapply(imputed_fits(syntax, where, estimator), lavaan::parameterEstimates)
  p <- each[[1]]; one <- ifelse(p$op == ":=", paste(p$lhs, p$op), paste(p$lhs, p$op, p$rhs)); other <- paste(p$rhs, p$op, p$lhs)
  rows <- lapply(safe(parameters), function(name) {
    name <- sub(":= .*$", ":=", name); at <- c(which(one == name), which(other == name & p$op == "~~"))[1]
    q <- pooled(vapply(each, function(e) e$est[at], 0), vapply(each, function(e) e$se[at], 0)^2); ends <- ends_of(q)
    c(est = q$estimate, se = q$se, df = q$df, pvalue = 2 * pt(-abs(q$estimate / q$se), q$df), ci_lower = ends[1], ci_upper = ends[2], missing_information = q$lost)
  })
  as.list(as.data.frame(do.call(rbind, rows)))
}

twin_imputed_changes <- function(items, where) {
  of <- function(column) made[[paste(current, "consistency", column)]]
  if (is.null(of("estimate")) || anyNA(of("estimate"))) cannot("what it is taken from could not be made again")
  list(absent = mean(is.na(as.matrix(people(items, where$wave)))), largest_change = max(abs(of("estimate")[seq_along(of("main"))] - of("main")), na.rm = TRUE),
    most_lost = max(of("missing_information")))
}
