# Reference values of the models in tests/reference/data/structural_battery.json.
# Run from the repository's root: Rscript tests/reference/scripts/structural_battery.R
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
data_dir <- "tests/reference/data"
arguments <- commandArgs(trailingOnly = TRUE)
cases_file <- if (length(arguments) > 0) arguments[1] else file.path(data_dir, "structural_battery.json")
out_file <- if (length(arguments) > 1) arguments[2] else "tests/reference/values/structural_battery.json"
folder <- if (length(arguments) > 2) arguments[3] else data_dir
cases <- fromJSON(cases_file, simplifyVector = FALSE)
wanted <- c("npar", "chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue",
  "srmr", "aic", "bic", "logl", "chisq.scaled", "df.scaled", "pvalue.scaled", "chisq.scaling.factor", "cfi.scaled", "tli.scaled",
  "rmsea.scaled", "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "rmsea.pvalue.scaled", "cfi.robust", "tli.robust",
  "rmsea.robust", "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "rmsea.pvalue.robust")
run <- function(case) {
  d <- read.csv(file.path(folder, paste0(case$data, ".csv")))
  o <- case$options
  estimator <- if (is.null(o$estimator)) "WLSMV" else o$estimator
  ordinal <- estimator %in% c("WLSMV", "ULSMV")
  names_of <- lavNames(lavaanify(case$model, ngroups = if (is.null(o$group)) 1 else length(unique(d[[o$group]]))), "ov")
  a <- list(model = case$model, data = d, estimator = estimator)
  ordered <- if (is.null(o$ordered)) names_of else unlist(o$ordered)
  if (ordinal) a$ordered <- ordered
  gaps <- anyNA(d[names_of])
  a$missing <- if (!is.null(o$missing)) o$missing else if (!gaps) "listwise" else if (ordinal) "pairwise" else "fiml"
  for (n in intersect(names(o), c("group", "meanstructure", "parameterization", "orthogonal"))) a[[n]] <- o[[n]]
  if (!is.null(o$std_lv)) a$std.lv <- o$std_lv
  if (!is.null(o$group_equal)) a$group.equal <- unlist(o$group_equal)
  if (!is.null(o$group_partial)) a$group.partial <- unlist(o$group_partial)
  f <- do.call(case$call, a)
  p <- as.data.frame(parameterEstimates(f, remove.system.eq = TRUE, remove.eq = TRUE))
  p <- p[p$op != "==", ]
  if (is.null(p$label)) p$label <- ""
  if (is.null(p$group)) p$group <- 1
  s <- standardizedSolution(f); s <- s[s$op != "==", ]
  l <- standardizedSolution(f, type = "std.lv"); l <- l[l$op != "==", ]
  m <- fitMeasures(f); m <- m[intersect(wanted, names(m))]
  found <- list(parameters = list(lhs = p$lhs, op = p$op, rhs = p$rhs, group = as.numeric(p$group), label = p$label, est = p$est,
      se = p$se, z = p$z, pvalue = p$pvalue, ci_lower = p$ci.lower, ci_upper = p$ci.upper, std_all = s$est.std,
      std_all_se = s$se, std_lv = l$est.std),
    fit = setNames(as.list(as.numeric(m)), gsub(".", "_", names(m), fixed = TRUE)),
    n_obs = as.numeric(lavInspect(f, "ntotal")), groups = as.character(lavInspect(f, "group.label")))
  r2 <- lavInspect(f, "rsquare")
  if (!is.list(r2)) r2 <- list(r2)
  found$r_squared <- list(variable = unlist(lapply(r2, names)), value = as.numeric(unlist(r2)))
  mi <- tryCatch(as.data.frame(modindices(f, sort. = TRUE, maximum.number = 6)), error = function(e) NULL)
  if (!is.null(mi) && nrow(mi) > 0) {
    if (is.null(mi$group)) mi$group <- 1
    found$modification <- list(lhs = mi$lhs, op = mi$op, rhs = mi$rhs, group = as.numeric(mi$group), mi = mi$mi, epc = mi$epc,
      sepc_lv = mi$sepc.lv, sepc_all = mi$sepc.all)
  }
  found
}
values <- lapply(cases, function(case) {
  warned <- character()
  found <- withCallingHandlers(tryCatch(run(case), error = function(e) list(error = conditionMessage(e))),
    warning = function(w) {warned <<- c(warned, conditionMessage(w)); invokeRestart("muffleWarning")})
  found$warnings <- I(as.character(unique(warned)))
  found
})
files <- unique(vapply(cases, function(case) paste0(case$data, ".csv"), ""))
values$made_by <- list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan")),
  files = I(unname(files)), md5 = I(unname(tools::md5sum(file.path(folder, files)))))
write_json(values, out_file, digits = I(12), na = "null", auto_unbox = TRUE, pretty = FALSE)
