# ---- Correlations of items, sampling adequacy and exploratory factors ----

minres <- function(r, factors, rotation, n = NA, fm = "minres") {
  # psych lets varimax stop at a change of 1e-5, which shows in the third digit of complexity.
  own <- !(rotation %in% c("none", "oblimin")) && factors > 1
  f <- if (fm == "principal") psych::principal(r, nfactors = factors, n.obs = n, rotate = "none")
    else psych::fa(r, nfactors = factors, n.obs = n, fm = fm, rotate = if (own) "none" else rotation, SMC = TRUE,
      max.iter = 1000, min.err = 1e-9)
  if (own || fm == "principal" && factors > 1) {
    t <- turned(matrix(as.numeric(f$loadings), nrow(r)), rotation)
    f$loadings <- t$l; f$Phi <- t$phi
  }
  f
}

# Rotations to their end; of the several ends that geomin has, the lowest of ten starts.
turned <- function(l, rotation) {
  k <- ncol(l); upright <- function(x) list(l = unclass(x), phi = diag(k)); end <- list(eps = 1e-7, maxit = 5000)
  if (rotation == "none") return(upright(l))
  if (rotation == "varimax") return(upright(stats::varimax(l, normalize = TRUE, eps = 1e-14)$loadings))
  if (rotation == "promax") {
    v <- stats::varimax(l, normalize = TRUE, eps = 1e-14); u <- v$rotmat %*% stats::promax(unclass(v$loadings), m = 4)$rotmat
    return(list(l = l %*% u, phi = tcrossprod(solve(u))))
  }
  turn <- switch(rotation, oblimin = , quartimin = GPArotation::quartimin, quartimax = GPArotation::quartimax, geomin = GPArotation::geominQ)
  set.seed(1); starts <- c(list(diag(k)), if (rotation == "geomin") lapply(1:10, function(i) GPArotation::Random.Start(k)))
  ends <- lapply(starts, function(s) tryCatch(do.call(turn, c(list(l, Tmat = s), end)), error = function(e) NULL))
  ends <- Filter(function(g) !is.null(g) && g$convergence, ends)
  g <- ends[[which.min(vapply(ends, function(g) g$Table[nrow(g$Table), 2], 0))]]
  list(l = unclass(g$loadings), phi = if (is.null(g$Phi)) diag(k) else g$Phi)
}

item_correlations <- function(items, where, correlation, missing = "pairwise") {
  key <- paste("cor", missing, paste(items, collapse = " "), paste(unlist(where), collapse = " "), correlation)
  once(key, function() {
    d <- rows_by(chosen(items, where), missing)
    if (correlation != "polychoric") return(cor(d, use = "pairwise"))
    needs("lavaan")
    r <- unclass(lavaan::lavCor(d, ordered = names(d), missing = "pairwise", output = "cor"))
    matrix(as.numeric(r), nrow(r), dimnames = list(names(d), names(d)))
  })
}

twin_kmo <- function(items, where, missing = "pairwise") {
  needs("psych")
  k <- psych::KMO(item_correlations(items, where, "pearson", missing))
  list(kmo = k$MSA, each = as.numeric(k$MSAi), lowest = min(k$MSAi))
}

twin_bartlett <- function(items, where) {
  needs("psych")
  d <- complete(chosen(items, where))
  b <- psych::cortest.bartlett(cor(d), n = nrow(d))
  list(chisq = b$chisq, df = b$df, pvalue = b$p.value, n = nrow(d))
}

twin_eigenvalues <- function(items, where, correlation, missing) {
  v <- eigen(item_correlations(items, where, correlation, missing), symmetric = TRUE, only.values = TRUE)$values
  answered <- !is.na(rows_by(chosen(items, where), missing)); n <- min(crossprod(answered)); p <- length(v)  # the smallest pair
  # Braeken & van Assen (2017): the largest an eigenvalue would be of what is left after those above it
  left <- p - c(0, cumsum(v)[-p]); ekc <- pmax(1, (1 + sqrt(p / n))^2 * left / (p - seq_len(p) + 1))
  bend <- c(NA, v[1:(p - 2)] - 2 * v[2:(p - 1)] + v[3:p], NA)
  list(observed = v, ekc = ekc, kaiser = sum(v > 1), acceleration = bend)
}

twin_map <- function(items, where, correlation, missing) {
  needs("psych")
  r <- item_correlations(items, where, correlation, missing)
  m <- psych::vss(r, n = min(20, ncol(r) - 1), n.obs = nrow(rows_by(chosen(items, where), missing)), plot = FALSE)$map
  list(map = which.min(m))
}

# Factors come in another order and with other signs: each is matched with the one it resembles most.
efa_of <- function(items, where, factors, rotation, correlation, missing, extraction) {
  key <- paste("efa", factors, rotation, correlation, paste(unlist(where), collapse = " "))
  once(key, function() {
    needs("psych", if (rotation != "none") "GPArotation")
    f <- minres(item_correlations(items, where, correlation, missing), factors, rotation, fm = extraction)
    l <- unclass(f$loadings); phi <- if (is.null(f$Phi)) diag(factors) else f$Phi
    list(l = matrix(as.numeric(l), nrow(l)), phi = matrix(as.numeric(phi), factors), h = as.numeric(f$communality), rms = f$rms)
  })
}

twin_efa <- function(items, where, factors, rotation, correlation, missing, extraction) {
  f <- efa_of(items, where, factors, rotation, correlation, missing, extraction)
  names <- paste0("F", seq_len(factors))
  given <- sapply(names, function(n) as.numeric(unlist(results$sections[[current]]$tables$loadings[[n]])))
  likeness <- abs(crossprod(given, f$l)) / sqrt(outer(colSums(given^2), colSums(f$l^2)))
  order <- integer(factors)
  for (i in seq_len(factors)) { order[i] <- which.max(likeness[i, ]); likeness[, order[i]] <- -1 }
  sign <- sign(colSums(given * f$l[, order, drop = FALSE]))
  l <- sweep(f$l[, order, drop = FALSE], 2, sign, "*")
  phi <- f$phi[order, order, drop = FALSE] * outer(sign, sign)
  size <- t(apply(abs(l), 1, sort, decreasing = TRUE)); if (factors == 1) size <- t(size)
  out <- setNames(lapply(seq_len(factors), function(j) l[, j]), names)
  out <- c(out, setNames(lapply(seq_len(factors), function(j) phi[, j]), paste0("r_", names)))
  off <- phi[upper.tri(phi)]
  c(out, list(primary = size[, 1], second = if (factors > 1) size[, 2] else NULL, communality = f$h,
    complexity = rowSums(l^2)^2 / rowSums(l^4), explained = mean(f$h), rmsr = f$rms, primary_lowest = min(size[, 1]),
    factor_r_lowest = min(off), factor_r_highest = max(off), crossed = sum(size[, min(2, factors)] >= 0.4) * (factors > 1)))
}
