# ---- People, items and scores ----

twin_n <- function(items = NULL, where = list(), missing = "pairwise", paired = FALSE)
  list(n = nrow((if (paired) rows_of_pairs else rows_by)(chosen(items, where), missing)))

twin_flow <- function(waves) {
  a <- answers(); k <- keyed_values()
  first <- unique(a$participant[a$wave == results$meta$structure_wave & rowSums(!is.na(k)) > 0])
  rows <- lapply(waves, function(w) {
    here <- a$wave == w; v <- k[here, , drop = FALSE]; any <- rowSums(!is.na(v)) > 0
    v <- v[any, , drop = FALSE]
    c(administrations = sum(here), answered = sum(any), complete = sum(rowSums(is.na(v)) == 0),
      retained = if (length(first)) mean(first %in% a$participant[here][any]) else 0,
      missing_rate = if (nrow(v)) mean(is.na(v)) else 0)
  })
  as.list(as.data.frame(do.call(rbind, rows)))
}

twin_counts <- function(wave) {
  a <- answers(); d <- people(wave = wave); any <- rowSums(!is.na(a$values)) > 0
  list(participants = length(unique(a$participant)), respondents = length(unique(a$participant[any])),
    waves_answered = length(unique(a$wave[any])), administrations = nrow(a$values), first_n = nrow(d),
    handed = sum(a$wave == wave), per_item = nrow(d) / ncol(d), complete_rate = mean(complete.cases(d)), waves = length(unique(a$wave)),
    missing_rate = mean(is.na(a$values)))
}

twin_reasons <- function(reasons) {
  why <- answers()$why
  n <- vapply(reasons, function(r) sum(why == r), 0)
  list(answers = n, possible = rep(length(why), length(reasons)), rate = n / length(why))
}

twin_item_means <- function(items, where) list(mean = unname(colMeans(chosen(items, where), na.rm = TRUE)))

twin_item_statistics <- function(items, where, missing = "pairwise") {
  needs("psych")
  d <- chosen(items, where); if (missing == "listwise") d <- complete(d)
  p <- psych::describe(d, type = 3)
  a <- if (length(items) > 1) psych::alpha(some(d), check.keys = FALSE, warnings = FALSE)$item.stats else NULL
  lows <- scale_low[items]; highs <- scale_high[items]
  g <- do.call(people, c(list(items = items, merge = FALSE), where))
  mean_r <- { r <- cov2cor(cov(d, use = "pairwise")); diag(r) <- NA; rowMeans(r, na.rm = TRUE) }
  list(n = p$n, missing = nrow(d) - p$n, missing_share = 1 - p$n / nrow(d), mean = p$mean, sd = p$sd, se = p$se,
    median = p$median, trimmed = p$trimmed, mad = p$mad, minimum = p$min, maximum = p$max, skew = p$skew,
    kurtosis = p$kurtosis, floor_share = mapply(function(x, l) mean(x <= l, na.rm = TRUE), g, lows),
    ceiling_share = mapply(function(x, h) mean(x >= h, na.rm = TRUE), g, highs), item_rest_r = a$r.drop,
    item_total_r = a$std.r, item_total_r_corrected = a$r.cor, average_r = mean_r)
}

twin_distribution <- function(items, wave, options) {
  a <- answers(); v <- a$given[a$wave == wave, items, drop = FALSE]
  out <- list(n = colSums(!is.na(v)))
  for (o in options) out[[paste0("share_", o)]] <- colSums(v == o, na.rm = TRUE) / colSums(!is.na(v))
  out
}

# Scores by the instrument's rule: the mean of what was answered where enough of what applies was.
scored <- function(k, why, rule, low, high) {
  if (!is.null(rule$rescale)) for (i in colnames(k)) k[, i] <- 100 * (k[, i] - low[[i]]) / (high[[i]] - low[[i]])
  out <- lapply(rule$themes, function(its) {
    v <- k[, its, drop = FALSE]
    applies <- rowSums(why[, its, drop = FALSE] != "not_applicable")
    answered <- rowSums(!is.na(v))
    m <- rowMeans(v, na.rm = TRUE)
    m[applies == 0 | answered < rule$prorate * applies - 1e-9] <- NA
    m
  })
  means <- out
  if (rule$method == "sum") out <- Map(function(m, its) m * length(its), out, rule$themes)
  if (length(rule$total)) out$total <- rowMeans(do.call(cbind, means[rule$total]))
  out
}

scores <- function() once("scores", function() {
  a <- answers()
  data.frame(participant = a$participant, wave = a$wave, scored(keyed(a$given), a$why, scoring, scale_low, scale_high), check.names = FALSE)
})

score_of <- function(name, wave) {
  s <- scores(); here <- s$wave == wave
  setNames(s[[name]][here], s$participant[here])
}

# People by place of a score; a place holds its lower edge, the last one both.
place_of <- function(x, edges) findInterval(round(x, 10), edges, rightmost.closed = TRUE)

twin_spread <- function(name, wave, edges) {
  x <- score_of(name, wave); x <- x[!is.na(x)]
  n <- tabulate(place_of(x, edges), length(edges) - 1)
  list(people = n, share = n / length(x))
}

twin_score <- function(name, wave, low, high) {
  x <- score_of(name, wave); v <- x[!is.na(x)]
  reach <- if (length(v) > 1) t.test(v)$conf.int else c(NA, NA)
  list(n = length(v), unscored = mean(is.na(x)), mean = mean(v), sd = sd(v), mean_lower = reach[1], mean_upper = reach[2],
    floor = mean(v <= low), ceiling = mean(v >= high))
}
