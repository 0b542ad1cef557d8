# Reference values of exploratory factor analysis, sampling adequacy and factor retention.
# Run in tests/reference/scripts: Rscript factors.R
Sys.setenv(OMP_NUM_THREADS = "1")
options(mc.cores = 1, warn = 1)
suppressPackageStartupMessages({library(psych); library(GPArotation); library(lavaan)})

number <- function(v) ifelse(is.finite(v), sprintf("%.17g", v), "null")
text <- function(v) paste0('"', gsub('(["\\\\])', "\\\\\\1", v), '"')
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.data.frame(x)) x <- as.matrix(x)
  if (is.matrix(x)) return(paste0("[", paste(apply(unname(x), 1, function(r) paste0("[", paste(number(r), collapse = ","), "]")), collapse = ",\n"), "]"))
  if (is.list(x)) return(paste0("{", paste0(text(names(x)), ":", vapply(x, json, ""), collapse = ",\n"), "}"))
  v <- if (is.character(x)) text(x) else number(as.numeric(x))
  if (length(v) == 1) v else paste0("[", paste(v, collapse = ","), "]")
}

likert <- read.csv("../data/likert.csv")[paste0("q", 1:12)]
holed <- read.csv("../data/likert_missing.csv")[paste0("q", 1:12)]
continuous <- read.csv("../data/continuous.csv")[paste0("x", 1:9)]

adequacy <- function(R, n) {
  k <- KMO(R); b <- cortest.bartlett(R, n = n)
  list(overall = k$MSA, per_item = unname(k$MSAi), chisq = b$chisq, df = b$df, pvalue = b$p.value)
}
solution <- function(f) list(
  loadings = unclass(f$loadings)[, ], factor_correlations = f$Phi, structure = unclass(f$Structure)[, ],
  communalities = unname(f$communality), uniquenesses = unname(f$uniquenesses), complexity = unname(f$complexity),
  variance = f$Vaccounted, factors = colnames(f$loadings),
  fit = list(chisq = f$STATISTIC, df = f$dof, pvalue = f$PVAL, objective = f$objective, null_chisq = f$null.chisq,
    null_df = f$null.dof, null_objective = f$null.model, tli = f$TLI, rmsea = unname(f$RMSEA[1]),
    rmsea_ci_lower = unname(f$RMSEA[2]), rmsea_ci_upper = unname(f$RMSEA[3]), rmsr = f$rms, crms = f$crms,
    empirical_chisq = f$chi, empirical_pvalue = f$EPVAL, bic = f$BIC, sabic = f$SABIC, empirical_bic = f$EBIC,
    empirical_sabic = f$ESABIC, fit = f$fit, fit_off = f$fit.off))

# Tight solutions: least squares by nlminb and then principal axes until nothing moves, likelihood by factanal,
# rotations to a slope of 1e-8.
least_squares <- function(R, k) {
  loss <- function(psi) sum(eigen(R - diag(psi), symmetric = TRUE)$values[-seq_len(k)]^2) / 2
  slope <- function(psi) { e <- eigen(R - diag(psi), symmetric = TRUE); -drop(e$vectors[, -seq_len(k)]^2 %*% e$values[-seq_len(k)]) }
  psi <- nlminb(1 / diag(solve(R)), loss, slope, lower = .005, upper = 1, control = list(rel.tol = 1e-15, x.tol = 1e-15, iter.max = 5000, eval.max = 9999))$par
  for (i in 1:20000) {
    e <- eigen(R - diag(psi), symmetric = TRUE); before <- psi
    psi <- diag(R) - rowSums((e$vectors[, seq_len(k), drop = FALSE] %*% diag(sqrt(e$values[seq_len(k)]), k))^2)
    if (max(abs(psi - before)) < 1e-15) break
  }
  e <- eigen(R - diag(psi), symmetric = TRUE)
  list(loadings = e$vectors[, seq_len(k)] %*% diag(sqrt(e$values[seq_len(k)]), k), uniquenesses = psi)
}
likelihood <- function(R, k, n) {
  f <- factanal(covmat = R, factors = k, n.obs = n, rotation = "none", control = list(opt = list(factr = 1, maxit = 5000)))
  list(loadings = unclass(f$loadings)[, ], uniquenesses = unname(f$uniquenesses), chisq = unname(f$STATISTIC), df = f$dof, pvalue = unname(f$PVAL))
}
turned <- function(r) list(loadings = unclass(r$loadings)[, ], factor_correlations = if (is.null(r$Phi)) diag(ncol(r$loadings)) else r$Phi)
rotations <- function(L) {
  tight <- list(eps = 1e-8, maxit = 20000)
  target <- matrix(0, nrow(L), ncol(L)); for (i in seq_len(nrow(L))) target[i, (i - 1) %/% (nrow(L) / ncol(L)) + 1] <- NA
  run <- function(f, ...) turned(suppressWarnings(do.call(f, c(list(L, ...), tight))))
  rigid <- varimax(L, eps = 1e-15)
  hendrickson <- promax(rigid$loadings, m = 4)
  list(varimax = list(loadings = unclass(rigid$loadings)[, ], factor_correlations = diag(ncol(L))),
    promax = list(loadings = unclass(hendrickson$loadings)[, ], factor_correlations = solve(crossprod(hendrickson$rotmat))),
    quartimax = run(quartimax), equamax = run(cfT, kappa = ncol(L) / (2 * nrow(L))), oblimin = run(oblimin),
    oblimin_half = run(oblimin, gam = .5), oblimin_normalized = run(oblimin, normalize = TRUE),
    geomin = run(geominQ), geomin_rigid = run(geominT), biquartimin = run(bifactorQ), target = run(targetQ, Target = target))
}
weights <- function(items, f) sapply(c(regression = "Thurstone", bartlett = "Bartlett", anderson_rubin = "Anderson", ten_berge = "tenBerge"),
  function(m) { s <- factor.scores(items, f, method = m); list(weights = s$weights, scores = s$scores[1:20, ]) }, simplify = FALSE)

partials <- function(R, power) {  # Velicer (1976); Velicer, Eaton and Fava (2000)
  p <- ncol(R); e <- eigen(R); A <- e$vectors %*% diag(sqrt(e$values)); off <- row(R) != col(R)
  sapply(0:(p - 2), function(m) { C <- if (m) R - tcrossprod(A[, 1:m, drop = FALSE]) else R; mean(abs(cov2cor(C)[off])^power) })
}
reference <- function(R, n) {     # Braeken and van Assen (2017)
  v <- eigen(R)$values; p <- length(v)
  sapply(seq_len(p), function(j) max(1, (p - sum(v[seq_len(j - 1)])) / (p - j + 1) * (1 + sqrt(p / n))^2))
}
retention <- function(items) {
  R <- cor(items); set.seed(20250103)
  f <- fa.parallel(items, fa = "both", n.iter = 200, plot = FALSE, sim = FALSE)
  list(observed = eigen(R)$values, reduced = f$fa.values, ekc = reference(R, nrow(items)), power_2 = partials(R, 2), power_4 = partials(R, 4),
    vss_map = vss(R, n = 6, n.obs = nrow(items), rotate = "none", plot = FALSE)$map, parallel_factors = f$nfact, parallel_components = f$ncomp)
}

R <- cor(likert); n <- nrow(likert)
tight <- list(minres = least_squares(R, 3), ml = likelihood(R, 3, n))
polychoric <- unclass(lavCor(likert, ordered = names(likert), output = "cor"))
by_psych <- list()
for (fm in c("minres", "ml")) for (rt in c("none", "varimax", "oblimin", "Promax", "promax", "geominQ"))
  by_psych[[paste(fm, rt, sep = "_")]] <- solution(fa(R, 3, n.obs = n, fm = fm, rotate = rt))
for (k in c(1, 2, 4)) by_psych[[paste0("minres_oblimin_", k)]] <- solution(fa(R, k, n.obs = n, rotate = "oblimin"))
by_psych$polychoric_minres_oblimin <- solution(fa(polychoric, 3, n.obs = n, rotate = "oblimin"))
principal3 <- principal(R, 3, n.obs = n, rotate = "none")
values <- list(
  meta = list(R = R.version.string, psych = as.character(packageVersion("psych")), GPArotation = as.character(packageVersion("GPArotation")),
    lavaan = as.character(packageVersion("lavaan")), likert_md5 = unname(tools::md5sum("../data/likert.csv")),
    likert_missing_md5 = unname(tools::md5sum("../data/likert_missing.csv")), continuous_md5 = unname(tools::md5sum("../data/continuous.csv"))),
  adequacy = list(likert = adequacy(R, n), missing_listwise = adequacy(cor(na.omit(holed)), nrow(na.omit(holed))),
    missing_pairwise = adequacy(cor(holed, use = "pairwise"), n), polychoric = adequacy(polychoric, n), continuous = adequacy(cor(continuous), nrow(continuous))),
  tight = tight, rotations = rotations(tight$ml$loadings), psych = by_psych,
  scores = weights(likert, fa(R, 3, n.obs = n, fm = "ml", rotate = "oblimin")),
  principal = list(loadings = unclass(principal3$loadings)[, ], chisq = principal3$STATISTIC, rmsr = principal3$rms),
  retention = list(likert = retention(likert), continuous = retention(continuous)))
writeLines(json(values), "../values/factors.json")
