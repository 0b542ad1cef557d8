# Writes values/reliability.json: alpha, item statistics, lambdas, omega and Schmid-Leiman of the shared tables.
# Run in tests/reference: Rscript scripts/reliability.R
suppressPackageStartupMessages(library(psych))

num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", as.numeric(v)))
txt <- function(v) paste0("\"", v, "\"")
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.matrix(x) || is.array(x)) x <- as.data.frame(unclass(x))
  if (is.list(x) && !is.null(names(x))) {
    body <- vapply(seq_along(x), function(i) paste0(txt(names(x)[i]), ": ", json(x[[i]])), "")
    return(paste0("{", paste(body, collapse = ",\n"), "}"))
  }
  s <- if (is.numeric(x) || is.logical(x)) num(x) else txt(as.character(x))
  if (length(x) == 1 && is.null(attr(x, "many"))) s else paste0("[", paste(s, collapse = ", "), "]")
}
many <- function(x) structure(as.vector(unlist(x)), many = TRUE)
columns <- function(d) {
  if (is.matrix(d)) d <- matrix(as.vector(d), nrow(d), ncol(d), dimnames = dimnames(d))
  lapply(as.list(as.data.frame(d)), many)
}
describe_file <- function(f) unname(tools::md5sum(file.path("data", f)))

keyed <- function(f) {
  d <- read.csv(file.path("data", f))[, paste0("q", 1:12)]
  d$q4 <- 6 - d$q4
  d$q9 <- 6 - d$q9
  d
}
full <- keyed("likert.csv")
holed <- keyed("likert_missing.csv")
themes <- list(first = paste0("q", 1:4), second = paste0("q", 5:8), third = paste0("q", 9:12), all = paste0("q", 1:12))

alpha_node <- function(d) {
  a <- suppressWarnings(alpha(d, check.keys = FALSE, warnings = FALSE))
  f <- lapply(a$feldt[c("lower.ci", "upper.ci")], function(v) unlist(v)[[1]])
  list(total = as.list(a$total), dropped = columns(a$alpha.drop), items = columns(a$item.stats),
       shares = columns(a$response.freq), feldt = f, unidim = a$Unidim[[1]], n = nrow(d))
}
out <- list(meta = list(R = R.version.string, psych = as.character(packageVersion("psych")),
                        GPArotation = as.character(packageVersion("GPArotation")),
                        md5 = list(likert.csv = describe_file("likert.csv"),
                                   likert_missing.csv = describe_file("likert_missing.csv"))))
out$alpha <- lapply(themes, function(v) list(
  complete = alpha_node(full[, v]),
  pairwise = alpha_node(holed[rowSums(!is.na(holed[, v])) > 0, v]),
  listwise = alpha_node(na.omit(holed[, v]))))
raw <- read.csv("data/likert.csv")[, paste0("q", 1:4)]
out$unkeyed <- alpha_node(raw)
out$describe <- columns(as.data.frame(describe(holed, type = 3))[, -1])

set.seed(1)
halves <- function(v, covar) {
  s <- splitHalf(full[, v], raw = TRUE, brute = TRUE, covar = covar)
  list(values = many(sort(s$raw)), lambda2 = s$lambda2, lambda6 = s$lambda6, alpha = s$alpha)
}
out$halves <- lapply(themes[1:3], function(v) list(correlation = halves(v, FALSE), covariance = halves(v, TRUE)))
guttman_node <- function(v) {
  g <- suppressWarnings(guttman(cor(full[, v])))
  c(as.list(g[c("lambda.1", "lambda.2", "lambda.3", "lambda.4", "lambda.5", "lambda.5p", "lambda.6")]),
    as.list(g$tenberge))
}
out$guttman <- lapply(themes[1:3], guttman_node)

omega_node <- function(...) {
  o <- suppressWarnings(suppressMessages(omega(..., plot = FALSE)))
  list(hierarchical = o$omega_h, asymptotic = o$omega.lim, alpha = o$alpha, total = o$omega.tot, lambda6 = o$G6,
       group = columns(o$omega.group), schmid = columns(o$schmid$sl), oblique = columns(o$schmid$oblique),
       phi = if (is.null(o$schmid$phi)) NULL else columns(o$schmid$phi), ecv = o$ECV[[1]], key = many(o$key))
}
unkeyed <- read.csv("data/likert.csv")[, paste0("q", 1:12)]
poly <- polychoric(full)$rho
out$omega <- list(
  keyed = omega_node(full, nfactors = 3, flip = FALSE),
  flipped = omega_node(unkeyed, nfactors = 3, flip = TRUE),
  pairwise = omega_node(holed, nfactors = 3, flip = FALSE),
  polychoric = omega_node(poly, nfactors = 3, n.obs = nrow(full), flip = FALSE),
  one = omega_node(full[, 1:4], nfactors = 1, flip = FALSE))
writeLines(json(out), "values/reliability.json")
