# Ordinal and mixed correlations: lavaan and psych. Run from tests/reference: Rscript scripts/correlation.R
suppressPackageStartupMessages({library(lavaan); library(psych)})
num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", v))
json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '":', vapply(x, json, ""), collapse = ",\n"), "}"))
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, function(r) json(unname(r))), collapse = ",\n"), "]"))
  s <- if (is.character(x)) paste0('"', x, '"') else num(unname(x))
  if (length(x) == 1 && is.null(attr(x, "vec"))) s else paste0("[", paste(s, collapse = ","), "]")
}
vec <- function(x) structure(as.vector(unclass(x)), vec = TRUE)
plain <- function(m) { m <- unclass(m); attributes(m) <- list(dim = dim(m)); m }
files <- c("likert.csv", "likert_missing.csv", "continuous.csv", "continuous_missing.csv")
md5 <- as.list(unname(tools::md5sum(file.path("data", files)))); names(md5) <- files
d <- lapply(setNames(nm = files), function(f) read.csv(file.path("data", f)))
q <- paste0("q", 1:12)

moments <- function(data, ordered, missing, ...) {
  model <- paste("f =~", paste(names(data), collapse = " + "))
  f <- cfa(model, data, ordered = ordered, missing = missing, do.fit = FALSE, ...)
  s <- lavInspect(f, "sampstat")
  g <- lavInspect(f, "gamma")
  list(n = lavInspect(f, "ntotal"), thresholds = vec(s$th), covariances = plain(s$cov), means = vec(s$mean),
       labels = vec(rownames(g)), gamma = plain(g))
}
holes <- d$likert_missing.csv[, q[1:6]]
holes[c(5, 17), ] <- NA
ordinal <- list(
  complete = moments(d$likert.csv[, q], q, "listwise"),
  listwise = moments(d$likert_missing.csv[, q[1:6]], q[1:6], "listwise"),
  pairwise = suppressWarnings(moments(holes, q[1:6], "pairwise")))

# mixed: column names say what is what
join <- function(l, x) data.frame(o1 = l$q1, x1 = x$x1 + .5 * l$q1, o2 = l$q2, x2 = x$x2 + .3 * l$q2,
                                  x3 = x$x4 * 2 + 3, o3 = as.integer(l$q5 > 3), o4 = l$q6)
o <- paste0("o", 1:4)
complete <- join(d$likert.csv[1:400, ], d$continuous.csv)
missing <- join(d$likert_missing.csv[1:400, ], d$continuous_missing.csv)
mixed <- list(listwise = moments(missing, o, "listwise"), pairwise = moments(missing, o, "pairwise"),
              complete = moments(complete, o, "listwise"))

# empty cells: few persons, and dichotomies
few <- d$likert.csv[1:80, q[1:6]]
two <- as.data.frame(lapply(d$likert.csv[1:30, q[1:6]], function(v) as.integer(v > 3)))
two$q1 <- as.integer(d$likert.csv$q1[1:30] > 4)
two$q2 <- as.integer(d$likert.csv$q2[1:30] > 2)
cor <- function(data, ...) plain(suppressWarnings(lavCor(data, ordered = names(data), ...)))
empty <- list(
  few = cor(few), few_add_half = cor(few, zero.add = c(.5, .5)),
  two = cor(two), two_free_margins = cor(two, zero.keep.margins = FALSE),
  two_psych = plain(suppressWarnings(tetrachoric(two, correct = .5, smooth = FALSE))$rho))

psych_default <- plain(polychoric(d$likert.csv[, q], progress = FALSE)$rho)
bad <- matrix(c(1, .9, .9, -.2, .9, 1, -.9, .1, .9, -.9, 1, .3, -.2, .1, .3, 1), 4)
out <- list(
  meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")),
              psych = as.character(packageVersion("psych")), md5 = md5),
  ordinal = ordinal, mixed = mixed, empty = empty, psych_default = psych_default,
  smoothing = list(input = bad, output = plain(suppressWarnings(cor.smooth(bad)))))
writeLines(json(out), "values/correlation.json")
