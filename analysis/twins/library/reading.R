# ---- Reading: answers as they stand in the file, turned and cleared as the instrument says ----

folder <- "."
cells_of <- function(path, separator, encoding = reading$encoding) read.table(path, sep = separator, header = TRUE,
  colClasses = "character", check.names = FALSE, quote = "\"", comment.char = "", na.strings = character(0), fileEncoding = encoding,
  strip.white = TRUE)

found_file <- function(name) {
  tried <- c(file.path(folder, name), file.path(folder, basename(name)), name)
  hits <- tried[file.exists(tried)]
  if (length(hits)) hits[1] else NULL
}

# As analysed (written by `dta validate --analysed FOLDER`) where it is there, else the file of the analyst.
open_table <- function(what, must = TRUE) {
  analysed <- file.path(folder, paste0("analysed_", gsub(" ", "_", what), ".csv"))
  if (file.exists(analysed)) { check_sum(NULL, what); return(cells_of(analysed, ",", "UTF-8")) }
  name <- files[[what]]
  path <- if (is.null(name)) NULL else found_file(name)
  if (is.null(path) || !grepl("\\.(csv|tsv|txt)$", path, ignore.case = TRUE)) {
    if (!must) return(NULL)
    stop(sprintf("%s: no table that R reads by itself was found (%s). Run `dta validate ... --analysed FOLDER`, which writes the tables as analysed (they hold people's answers: keep FOLDER where the answers are kept), then `Rscript reproduce.R FOLDER`.",
      what, name %||% "none named"), call. = FALSE)
  }
  check_sum(path, what)
  cells_of(path, reading$separator %||% if (grepl("\\.tsv$", path, ignore.case = TRUE)) "\t" else ",")
}

check_sum <- function(path, what) {
  stated <- results$meta$checksums[[what]]
  if (is.null(path) || is.null(stated)) return(invisible())
  sum <- if (requireNamespace("digest", quietly = TRUE)) digest::digest(file = path, algo = "sha256")
    else if (nzchar(Sys.which("sha256sum"))) sub(" .*", "", system2("sha256sum", shQuote(path), stdout = TRUE))
    else NA
  if (is.na(sum)) cat(sprintf("%s: checksum not looked at (no package digest, no sha256sum)\n", what))
  else if (sum != stated) stop(sprintf("%s: %s is not the file that was analysed (SHA-256 differs).", what, basename(path)), call. = FALSE)
}

as_number <- function(cells) suppressWarnings(as.numeric(sub(reading$decimal, ".", cells, fixed = TRUE)))

# Why an answer is missing, where a code says so; empty elsewhere. `own` names codes, and holds their reasons.
reasons_in <- function(number, own) {
  w <- rep("", length(number))
  for (code in names(own)) w[!is.na(number) & number == as.numeric(code)] <- own[[code]]
  w
}

read_answers <- function() {
  raw <- open_table("responses")
  names(raw)[names(raw) == reading$participant] <- "participant"
  names(raw)[names(raw) == reading$wave] <- "wave"
  if (is.null(raw$participant)) raw$participant <- as.character(seq_len(nrow(raw)))
  if (is.null(raw$wave)) raw$wave <- "1"
  absent <- setdiff(items$item, names(raw))
  if (length(absent)) stop("the file of answers lacks columns: ", paste(absent, collapse = ", "), call. = FALSE)
  values <- vapply(items$item, function(i) {
    v <- as_number(raw[[i]])
    v[!(v %in% options_of[[i]])] <- NA
    v
  }, numeric(nrow(raw)))
  values <- matrix(values, nrow(raw), dimnames = list(NULL, items$item))
  why <- vapply(items$item, function(i) {
    text <- raw[[i]]
    w <- reasons_in(as_number(text), reasons_of[[i]])
    w[text %in% reasons_known] <- text[text %in% reasons_known]
    w
  }, character(nrow(raw)))
  why <- matrix(why, nrow(raw), dimnames = list(NULL, items$item))
  if (nrow(raw) != results$meta$administrations || length(unique(raw$participant)) != results$meta$participants)
    stop(sprintf("the file of answers holds %d rows of %d people, the report rests on %d of %d: rows were set aside while reading, or taken out by the plan (exclude_flagged, split). Run `dta validate ... --analysed FOLDER` and give FOLDER.",
      nrow(raw), length(unique(raw$participant)), results$meta$administrations, results$meta$participants), call. = FALSE)
  extra <- setdiff(names(raw), c("participant", "wave", items$item))
  list(participant = raw$participant, wave = raw$wave, values = merged(values), given = values, why = why,
    extra = raw[extra])
}

# Categories that the plan merges, item by item; `all` for items it does not name. Scores keep the codes given.
merged <- function(values) {
  plan <- results$meta$plan$entries$collapse$value
  for (i in colnames(values)) {
    codes <- if (i %in% names(plan)) plan[[i]] else plan[["all"]]
    before <- values[, i]
    for (old in names(codes)) values[!is.na(before) & before == as.numeric(old), i] <- as.numeric(codes[[old]])
  }
  values
}

answers <- function() once("answers", read_answers)

# Another questionnaire of the same people, as its own instrument says: answers turned, with their reasons.
measured <- function(id) once(paste("measure", id), function() {
  what <- paste("measure", id); own <- measures[[id]]
  raw <- tryCatch(open_table(what), error = function(e) cannot(conditionMessage(e)))
  names(raw)[names(raw) == reading$participant] <- "participant"
  names(raw)[names(raw) == reading$wave] <- "wave"
  if (is.null(raw$wave)) raw$wave <- "1"
  its <- names(own$items)
  k <- why <- matrix(NA, nrow(raw), length(its), dimnames = list(NULL, its)); why[] <- ""
  for (i in its) {
    number <- as_number(raw[[i]]); allowed <- own$items[[i]]$codes
    why[, i] <- reasons_in(number, own$items[[i]]$reasons)
    why[raw[[i]] %in% reasons_known, i] <- raw[[i]][raw[[i]] %in% reasons_known]
    number[!(number %in% allowed)] <- NA
    k[, i] <- if (own$items[[i]]$reversed) min(allowed) + max(allowed) - number else number
  }
  low <- vapply(own$items, function(x) min(x$codes), 0); high <- vapply(own$items, function(x) max(x$codes), 0)
  list(participant = raw$participant, wave = raw$wave, keyed = k,
    scores = data.frame(participant = raw$participant, wave = raw$wave, scored(k, why, own$scoring, low, high), check.names = FALSE))
})

# Reversed items turned, so that a high code always means more.
keyed_values <- function() once("keyed", function() keyed(answers()$values))

keyed <- function(v) {
  for (i in items$item[items$reversed]) v[, i] <- items$low[items$item == i] + items$high[items$item == i] - v[, i]
  v
}

read_covariates <- function() {
  a <- answers()
  table <- open_table("covariates", must = FALSE)
  people <- unique(a$participant)
  out <- data.frame(participant = people, stringsAsFactors = FALSE, check.names = FALSE)
  blank <- function(x) { x[x %in% c("", reading$missing)] <- NA; x }
  if (!is.null(table)) for (c in setdiff(names(table), "participant")) out[[c]] <- blank(table[[c]][match(people, table$participant)])
  of_wave <- match(a$wave, unlist(results$meta$waves))
  for (c in setdiff(names(a$extra), names(out))) out[[c]] <- vapply(people, function(p) {
    rows <- which(a$participant == p); v <- blank(a$extra[[c]][rows[order(of_wave[rows])]]); v <- v[!is.na(v)]; if (length(v)) v[1] else NA_character_ }, "")
  out
}
covariates <- function() once("covariates", read_covariates)

# Keyed answers of one wave (and one group of its people); rows without any answer to the instrument dropped.
people <- function(items = NULL, wave = NULL, covariate = NULL, level = NULL, merge = TRUE) {
  a <- answers(); k <- if (merge) keyed_values() else keyed(a$given)
  here <- if (is.null(wave)) rep(TRUE, nrow(k)) else a$wave == wave
  here <- here & rowSums(!is.na(k)) > 0
  if (!is.null(covariate)) { g <- group_of(covariate); v <- g[a$participant]; here <- here & !is.na(v) & v %in% level }
  d <- as.data.frame(k[here, , drop = FALSE], check.names = FALSE)
  rownames(d) <- make.unique(a$participant[here])
  if (is.null(items)) d else d[, items, drop = FALSE]
}

group_of <- function(covariate) {
  t <- covariates()
  setNames(t[[covariate]], t$participant)
}

chosen <- function(items, where) do.call(people, c(list(items = items), where))
some <- function(d) d[rowSums(!is.na(d)) > 0, , drop = FALSE]
complete <- function(d) d[complete.cases(d), , drop = FALSE]
# By the rule for missing answers: rows with any answer (relations by pairs), or complete rows.
rows_by <- function(d, missing) if (missing == "listwise") complete(d) else some(d)
# Rows that a correlation can rest on: a single answer is no pair.
rows_of_pairs <- function(d, missing) if (missing == "listwise") complete(d) else d[rowSums(!is.na(d)) > 1, , drop = FALSE]
