# Indefinite polychoric matrices, smoothed two ways, and what is then computed from them.
# Run in tests/reference: Rscript scripts/smoothing.R
suppressPackageStartupMessages({library(lavaan); library(psych); library(Matrix); library(jsonlite)})
file <- "data/many_items.csv"
d <- read.csv(file)
size <- function(before, after) {
  change <- abs(after - before)
  list(frobenius = sqrt(sum((after - before)^2)), largest = max(change), smallest = min(eigen(before)$values),
       negative = sum(eigen(before)$values < -1e-8))
}
# least squares by principal axes until nothing moves: psych's own search stops earlier
axes <- function(R, k) {
  psi <- 1 - apply(abs(R - diag(nrow(R))), 1, max)
  for (i in 1:200000) {
    e <- eigen(R - diag(psi), symmetric = TRUE); before <- psi
    L <- e$vectors[, seq_len(k), drop = FALSE] %*% diag(sqrt(e$values[seq_len(k)]), k)
    psi <- pmax(diag(R) - rowSums(L^2), .005)
    if (max(abs(psi - before)) < 1e-14) break
  }
  residual <- R - L %*% t(L); diag(residual) <- 0
  list(communalities = rowSums(L^2), rmsr = sqrt(sum(residual^2) / (nrow(R) * (nrow(R) - 1))), lowest = min(psi))
}
study <- function(items) {
  R <- unclass(suppressWarnings(lavCor(items, ordered = names(items), zero.keep.margins = TRUE)))
  attributes(R) <- list(dim = dim(R), dimnames = list(names(items), names(items)))
  near <- as.matrix(nearPD(R, corr = TRUE, eig.tol = 1e-13, conv.tol = 1e-13, posd.tol = 1e-8, maxit = 5000)$mat)
  cut <- suppressWarnings(cor.smooth(R))
  of <- function(S) {
    k <- KMO(S)
    list(matrix = unname(S), size = size(R, S), kmo = k$MSA, kmo_items = unname(k$MSAi), factors = axes(S, 2))
  }
  list(input = unname(R), nearest = of(near), truncated = of(cut))
}
out <- list(
  meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), psych = as.character(packageVersion("psych")),
              Matrix = as.character(packageVersion("Matrix")), md5 = unname(tools::md5sum(file))),
  binary = study(d[paste0("b", 1:36)]), likert = study(d[paste0("m", 1:29)]))
write(toJSON(out, auto_unbox = TRUE, digits = 17, na = "null"), "values/smoothing.json")
for (n in c("binary", "likert")) for (m in c("nearest", "truncated")) {
  x <- out[[n]][[m]]; cat(n, m, unlist(x$size), x$kmo, x$factors$rmsr, x$factors$lowest, "\n") }
