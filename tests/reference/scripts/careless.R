# Writes values/careless.json: careless-response indices from their definitions, row by row, in base R.
# Run in tests/reference: Rscript scripts/careless.R
num <- function(v) paste0("[", paste(ifelse(is.na(v), "null", sprintf("%.17g", v)), collapse = ", "), "]")
runs <- function(row) {
  lengths <- c()
  before <- NA
  for (a in row) {
    if (is.na(a)) { before <- NA; next }
    if (!is.na(before) && a == before) lengths[length(lengths)] <- lengths[length(lengths)] + 1
    else lengths <- c(lengths, 1)
    before <- a
  }
  lengths
}
halves <- function(row) {
  m <- matrix(row, nrow = 4)
  odd <- colMeans(m[c(1, 3), ], na.rm = TRUE)
  even <- colMeans(m[c(2, 4), ], na.rm = TRUE)
  both <- !is.na(odd) & !is.na(even)
  if (sum(both) < 3) return(NA)
  r <- suppressWarnings(cor(odd[both], even[both]))
  if (is.na(r)) return(NA)
  if (r <= -1 + 1e-12) return(-1)
  max(-1, min(1, 2 * r / (1 + r)))
}
indices <- function(f) {
  x <- as.matrix(read.csv(file.path("data", f))[, paste0("q", 1:12)])
  keyed <- x
  keyed[, c("q4", "q9")] <- 6 - keyed[, c("q4", "q9")]
  s <- cov(x, use = "pairwise")
  centre <- colMeans(x, na.rm = TRUE)
  d <- apply(x, 1, function(row) {
    a <- !is.na(row)
    mahalanobis(row[a], centre[a], s[a, a, drop = FALSE])
  })
  df <- rowSums(!is.na(x))
  list(longstring = apply(x, 1, function(r) max(runs(r))), average_string = apply(x, 1, function(r) mean(runs(r))),
       irv = apply(x, 1, sd, na.rm = TRUE), mahalanobis = d, mahalanobis_df = df,
       mahalanobis_p = pchisq(d, df, lower.tail = FALSE), even_odd = apply(keyed, 1, halves))
}
files <- c(complete = "likert.csv", missing = "likert_missing.csv")
node <- function(f) {
  v <- indices(f)
  paste0("{", paste0("\"", names(v), "\": ", vapply(v, num, ""), collapse = ",\n"), "}")
}
sums <- paste0("\"", files, "\": \"", tools::md5sum(file.path("data", files)), "\"", collapse = ", ")
meta <- paste0("{\"R\": \"", R.version.string, "\", \"md5\": {", sums, "}}")
body <- paste0("\"", names(files), "\": ", vapply(files, node, ""), collapse = ",\n")
writeLines(paste0("{\"meta\": ", meta, ",\n", body, "}"), "values/careless.json")
