# Reference values for analysis/structural.
# Run from the repository's root: Rscript tests/reference/scripts/lavaan_structural.R
suppressPackageStartupMessages(library(lavaan))
options(digits = 17, warn = 1)
data_dir <- "tests/reference/data"
out_file <- "tests/reference/values/lavaan_structural.json"

num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", v))
str_ <- function(s) paste0('"', gsub("\n", "\\n", s, fixed = TRUE), '"')
vec <- function(v) paste0("[", paste(if (is.numeric(v)) num(v) else ifelse(is.na(v), "null", str_(as.character(v))), collapse = ","), "]")
json <- function(x) {
  if (is.data.frame(x) || (is.list(x) && !is.null(names(x))))
    return(paste0("{", paste0(str_(names(x)), ":", vapply(x, json, ""), collapse = ",\n"), "}"))
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, vec), collapse = ",\n"), "]"))
  vec(as.vector(unclass(x)))
}
wanted <- c("npar", "chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue",
  "srmr", "aic", "bic", "logl", "chisq.scaled", "df.scaled", "pvalue.scaled", "chisq.scaling.factor", "cfi.scaled", "tli.scaled",
  "rmsea.scaled", "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "rmsea.pvalue.scaled", "cfi.robust", "tli.robust",
  "rmsea.robust", "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "rmsea.pvalue.robust")
describe <- function(f, scores = NULL, mi = TRUE) {
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = TRUE, remove.eq = TRUE))
  p <- p[p$op != "==", ]
  if (is.null(p$label)) p$label <- ""
  if (is.null(p$group)) p$group <- 1
  s <- standardizedSolution(f); s <- s[s$op != "==", ]
  l <- standardizedSolution(f, type = "std.lv"); l <- l[l$op != "==", ]
  m <- fitMeasures(f); m <- m[intersect(wanted, names(m))]
  o <- list(parameters = list(lhs = p$lhs, op = p$op, rhs = p$rhs, group = as.numeric(p$group), label = p$label, est = p$est, se = p$se,
      z = p$z, pvalue = p$pvalue, ci_lower = p$ci.lower, ci_upper = p$ci.upper, std_all = s$est.std, std_all_se = s$se, std_lv = l$est.std),
    fit = setNames(as.list(as.numeric(m)), gsub(".", "_", names(m), fixed = TRUE)), n_obs = as.numeric(lavInspect(f, "ntotal")),
    groups = as.character(lavInspect(f, "group.label")))
  r2 <- lavInspect(f, "rsquare"); if (!is.list(r2)) o$r_squared <- list(variable = names(r2), value = as.numeric(r2))
  if (mi) { d <- as.data.frame(modindices(f, sort. = TRUE, maximum.number = 8)); o$modification <- list(lhs = d$lhs, op = d$op, rhs = d$rhs, mi = d$mi, epc = d$epc, sepc_lv = d$sepc.lv, sepc_all = d$sepc.all) }
  rs <- lavResiduals(f, type = "cor.bentler"); if (!is.null(rs$cov)) { o$residuals <- unclass(rs$cov); o$residuals_z <- unclass(rs$cov.z) }
  if (!is.null(scores)) o$scores <- unclass(as.matrix(lavPredict(f, method = scores)[1:25, , drop = FALSE]))
  o
}
lrt <- function(...) { t <- as.data.frame(lavTestLRT(...)); list(df_diff = t[["Df diff"]], chisq_diff = t[["Chisq diff"]], pvalue = t[["Pr(>Chisq)"]]) }

C <- read.csv(file.path(data_dir, "continuous.csv")); Cm <- read.csv(file.path(data_dir, "continuous_missing.csv"))
L <- read.csv(file.path(data_dir, "likert.csv")); Lm <- read.csv(file.path(data_dir, "likert_missing.csv"))
three <- "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
quest <- "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8\nc =~ q9 + q10 + q11 + q12"
items <- paste0("q", 1:12)
paths <- "f1 =~ x1 + l2*x2 + x3\nf2 =~ x4 + l2*x5 + x6\nf3 =~ x7 + x8 + x9\nf2 ~ p*f1\nf3 ~ q*f2 + r*f1\nx1 ~~ x4\nindirect := p*q\ntotal := p*q + r"
mimic <- "f1 =~ x1 + x2 + x3\nf1 ~ x7 + x8\nx9 ~ b*f1 + x7"
linear <- "f1 =~ x1 + a*x2 + b*x3\nf2 =~ x4 + c*x5 + x6\na + b == 2*c"
means <- "f1 =~ x1 + x2 + x3\nf1 ~ 1\nx1 ~ 0*1"
higher <- paste0(quest, "\ng =~ a + b + c")
bifactor <- paste0("g =~ ", paste(items, collapse = " + "), "\n", quest)
ordpath <- paste0(quest, "\nc ~ k*a + m*b\nb ~ h*a\nvia := h*m")

o <- list(
  ml = describe(cfa(three, C), "regression"), ml_std_lv = describe(cfa(three, C, std.lv = TRUE), "Bartlett"),
  ml_mean = describe(cfa(three, C, meanstructure = TRUE)), mlr = describe(cfa(three, C, estimator = "MLR")),
  mlr_mean = describe(cfa(three, C, estimator = "MLR", meanstructure = TRUE)),
  ml_orthogonal = describe(cfa(three, C, orthogonal = TRUE)),
  fiml = describe(cfa(three, Cm, missing = "fiml")), fiml_mlr = describe(cfa(three, Cm, missing = "fiml", estimator = "MLR")),
  listwise = describe(cfa(three, Cm)), paths = describe(sem(paths, C)), paths_mlr = describe(sem(paths, C, estimator = "MLR")),
  paths_fiml = describe(sem(paths, Cm, missing = "fiml"), mi = FALSE), mimic = describe(sem(mimic, C), mi = FALSE),
  mimic_mlr = describe(sem(mimic, C, estimator = "MLR"), mi = FALSE), linear = describe(cfa(linear, C), mi = FALSE), means = describe(cfa(means, C), mi = FALSE))
for (e in c("ML", "MLR")) for (lev in list(c(), c("loadings"), c("loadings", "intercepts"), c("loadings", "intercepts", "residuals"), c("loadings", "lv.variances", "lv.covariances")))
  o[[paste(c("groups", tolower(e), gsub(".", "", lev, fixed = TRUE)), collapse = "_")]] <- describe(cfa(three, C, group = "grp", group.equal = if (is.null(lev)) "" else lev, estimator = e), mi = e == "ML" && is.null(lev))
o$groups_partial <- describe(cfa(three, C, group = "grp", group.equal = c("loadings", "intercepts"), group.partial = c("f1=~x2", "x5~1")), mi = FALSE)
o$groups_std_lv <- describe(cfa(three, C, group = "grp", group.equal = "loadings", std.lv = TRUE), mi = FALSE)
o$groups_fiml <- describe(cfa(three, Cm, group = "grp", missing = "fiml", group.equal = "loadings"), mi = FALSE)
o$wlsmv <- describe(cfa(quest, L, ordered = items)); o$wlsmv_theta <- describe(cfa(quest, L, ordered = items, parameterization = "theta"))
o$wlsmv_std_lv <- describe(cfa(quest, L, ordered = items, std.lv = TRUE)); o$ulsmv <- describe(cfa(quest, L, ordered = items, estimator = "ULSMV"))
o$pairwise <- describe(cfa(quest, Lm, ordered = items, missing = "pairwise")); o$ordinal_listwise <- describe(cfa(quest, Lm, ordered = items))
o$higher <- describe(cfa(higher, L, ordered = items), mi = FALSE); o$bifactor <- describe(cfa(bifactor, L, ordered = items, orthogonal = TRUE, std.lv = TRUE), mi = FALSE)
o$ordinal_paths <- describe(sem(ordpath, L, ordered = items), mi = FALSE); o$ordinal_paths_theta <- describe(sem(ordpath, L, ordered = items, parameterization = "theta"), mi = FALSE)
for (lev in list(c(), c("thresholds"), c("loadings"), c("loadings", "thresholds"))) for (par in c("delta", "theta"))
  o[[paste(c("ordinal_groups", par, lev), collapse = "_")]] <- describe(cfa(quest, L, ordered = items, group = "group", group.equal = if (is.null(lev)) "" else lev, parameterization = par), mi = FALSE)
higher3 <- paste0(three, "\nf3 ~ f1 + f2\nx1 ~~ x4"); growth <- "i =~ 1*x1 + 1*x2 + 1*x3 + 1*x4\ns =~ 0*x1 + 1*x2 + 2*x3 + 3*x4\nx1 ~ 0*1\nx2 ~ 0*1\nx3 ~ 0*1\nx4 ~ 0*1\ni ~ 1\ns ~ 1"
o$groups_regressions <- describe(sem(higher3, C, group = "grp", group.equal = c("loadings", "regressions", "residual.covariances", "lv.variances")), mi = FALSE)
o$groups_means <- describe(sem(higher3, C, group = "grp", group.equal = c("loadings", "intercepts", "means")), mi = FALSE)
o$growth <- describe(sem(growth, C), mi = FALSE); o$single <- describe(sem("f =~ x1 + x2 + x3\ng =~ x4\ng ~ f", C, estimator = "MLR"), mi = FALSE)
o$groups_fiml_mlr <- describe(cfa(three, Cm, group = "grp", missing = "fiml", estimator = "MLR", group.equal = c("loadings", "intercepts")), mi = FALSE)
o$ordinal_residuals <- describe(cfa(quest, L, ordered = items, group = "group", parameterization = "theta", group.equal = c("thresholds", "loadings", "residuals")), mi = FALSE)
o$ordinal_means <- describe(cfa(quest, L, ordered = items, group = "group", group.equal = c("thresholds", "loadings", "means")), mi = FALSE)
o$ordinal_intercepts <- describe(cfa(quest, L, ordered = items, group = "group", group.equal = c("loadings", "intercepts")), mi = FALSE)
o$ordinal_partial <- describe(cfa(quest, L, ordered = items, group = "group", group.equal = c("thresholds", "loadings"), group.partial = c("q1|t1", "a=~q2")), mi = FALSE)
o$ulsmv_groups <- describe(cfa(quest, L, ordered = items, estimator = "ULSMV", group = "group", group.equal = c("thresholds", "loadings")), mi = FALSE)
o$ordinal_sites <- describe(cfa(quest, L, ordered = items, group = "site"), mi = FALSE)
ebm <- cfa(quest, L, ordered = items); o$ebm <- unclass(as.matrix(lavPredict(ebm)[1:40, ]))
g <- function(m, d, gr, ...) list(cfa(m, d, group = gr, ...), cfa(m, d, group = gr, group.equal = "loadings", ...), cfa(m, d, group = gr, group.equal = c("loadings", "intercepts"), ...))
f <- g(three, C, "grp"); o$lrt_ml <- lrt(f[[1]], f[[2]], f[[3]])
f <- g(three, C, "grp", estimator = "MLR"); o$lrt_mlr <- lrt(f[[1]], f[[2]], f[[3]])
f1 <- cfa(quest, L, ordered = items, group = "group"); f2 <- cfa(quest, L, ordered = items, group = "group", group.equal = "loadings"); f3 <- cfa(quest, L, ordered = items, group = "group", group.equal = c("loadings", "thresholds"))
o$lrt_wlsmv <- lrt(f1, f2, f3)
o$models <- list(three = three, quest = quest, paths = paths, mimic = mimic, linear = linear, means = means, higher = higher, bifactor = bifactor, ordinal_paths = ordpath, regressions = higher3, growth = growth, single = "f =~ x1 + x2 + x3\ng =~ x4\ng ~ f")
files <- c("continuous.csv", "continuous_missing.csv", "likert.csv", "likert_missing.csv")
o$made_by <- list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), files = files, md5 = unname(tools::md5sum(file.path(data_dir, files))))
writeLines(json(o), out_file)
