# Factor scores of two-level models by lavaan 0.6-14 (Debian 12): the first rows and the first clusters.
# usage: Rscript scripts/two_level_scores.R   (from tests/reference)
suppressPackageStartupMessages(library(lavaan))
library(jsonlite)
path <- "data/two_levels.csv.gz"
D <- read.csv(path, colClasses = c(lost = "character"))
for (x in c("x1", "x2", "x3", "w1", "w2")) D[[x]] <- round(D[[x]] - mean(D[[x]]), 6)  # its scores take their means for zero
models <- fromJSON("values/two_levels.json")$syntax
out <- list(made_by = list(program = paste("lavaan", packageVersion("lavaan")), script = "scripts/two_level_scores.R",
  file = "two_levels.csv.gz", md5 = unname(tools::md5sum(path))))
for (name in c("w1", "w2", "w4")) {
  f <- sem(models[[name]], D, cluster = "cluster")
  rows <- as.matrix(lavPredict(f, level = 1L))
  clusters <- as.matrix(lavPredict(f, level = 2L))
  out[[name]] <- list(rows = rows[1:25, , drop = FALSE], row_factors = I(colnames(rows)),
    clusters = clusters[1:25, , drop = FALSE], cluster_factors = I(colnames(clusters)),
    cluster_labels = unique(D$cluster)[1:25])
}
write_json(out, "values/two_level_scores.json", digits = 10, auto_unbox = TRUE)
