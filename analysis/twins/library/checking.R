# ---- Comparing: what R makes again is held beside results.json ----

results <- NULL
tally <- new.env()
tally$rows <- list()      # one entry per number compared
tally$without <- list()   # one entry per group of numbers without an equivalent
tally$lost <- character(0) # numbers that stood in results.json when this script was written
made <- new.env()         # numbers as R made them, for what is derived from them
kept <- new.env()         # results of R that several numbers need
current <- ""

`%||%` <- function(a, b) if (is.null(a)) b else a

section <- function(name) current <<- name

once <- function(name, make) {
  if (is.null(kept[[name]])) kept[[name]] <- make()
  kept[[name]]
}

needs <- function(...) {
  absent <- Filter(function(p) !requireNamespace(p, quietly = TRUE), c(...))
  if (length(absent)) cannot(paste("no equivalent installed: needs package", paste(absent, collapse = ", ")))
}
cannot <- function(why) stop(structure(class = c("absent", "error", "condition"), list(message = why, call = NULL)))

stands <- function(table, column, row) {
  part <- results$sections[[current]]
  found <- if (table == "values") part$values[[column]]
    else if (table == "method") part$method[[column]]
    else { cells <- part$tables[[table]][[column]]; if (length(cells) >= row) cells[[row]] else NULL }
  if (is.numeric(found)) as.numeric(found) else NA_real_
}

named <- function(table, column, row) {
  if (table == "values") sprintf("sections.%s.values.%s", current, column)
  else if (table == "method") sprintf("sections.%s.method.%s", current, column)
  else sprintf("sections.%s.tables.%s.%s[%d]", current, table, column, as.integer(row) - 1L)
}

# held: whether results.json had a number in each of these places
without <- function(table, columns, rows, reason, held = TRUE) {
  if (held) for (column in columns) for (row in rows) if (is.na(stands(table, column, row)))
    tally$lost <- c(tally$lost, named(table, column, row))
  names <- as.vector(outer(rows, columns, Vectorize(function(r, c) named(table, c, r))))
  tally$without[[length(tally$without) + 1]] <- list(section = current, names = names, reason = reason)
}

# A number is the same where it agrees in six digits (one formula) or in four (an optimum that both programs
# search for, each as far as it does), below 1 in as many decimals.
same <- function(again, given, digits, exact) {
  is.finite(again) && abs(again - given) <= (if (exact) 1e-6 else 5e-4) * max(1, abs(given))
}

# arguments: a function, as twin() is not to evaluate what needs a package that is absent
# empty: rows in which a column had no number
twin <- function(call, arguments, table, rows, numbers, digits, exact, empty = list()) {
  for (column in names(numbers)) for (row in setdiff(rows, empty[[column]]))
    if (is.na(stands(table, column, row))) tally$lost <- c(tally$lost, named(table, column, row))
  values <- tryCatch(suppressMessages(suppressWarnings(do.call(paste0("twin_", call), arguments))),
    absent = function(e) e, error = function(e) e)
  if (inherits(values, "absent")) {
    without(table, names(numbers), rows, conditionMessage(values), held = FALSE)
    return(invisible())
  }
  failed <- if (inherits(values, "error")) conditionMessage(values) else ""
  for (i in seq_along(numbers)) {
    column <- names(numbers)[i]
    again <- if (nzchar(failed)) rep(NA_real_, length(rows)) else as.numeric(values[[numbers[[i]]]])
    if (length(again) != length(rows)) again <- rep(NA_real_, length(rows))
    key <- paste(current, table, column)
    made[[key]] <- { old <- made[[key]] %||% numeric(0); old[rows] <- again; old }
    for (j in seq_along(rows)) {
      given <- stands(table, column, rows[j])
      if (is.na(given)) next
      tally$rows[[length(tally$rows) + 1]] <- list(section = current, name = named(table, column, rows[j]),
        given = given, again = again[j], call = call, failed = failed,
        agrees = same(again[j], given, digits[[i]], exact))
    }
  }
}

# Lowest, highest and the like of numbers made again before.
twin_derived <- function(how, of, column, at = NULL, section = current) {
  cells <- made[[paste(section, of, column)]]
  if (is.null(cells)) cannot("what it is taken from could not be made again")
  if (!is.null(at)) cells <- cells[at]
  cells <- cells[!is.na(cells)]
  list(value = switch(how, min = min(cells), max = max(cells), largest = max(abs(cells)), sum = sum(cells),
    count = length(cells)))
}

report <- function() {
  compared <- function(what) vapply(tally$rows, function(r) r[[what]], tally$rows[[1]][[what]])
  if (length(tally$rows)) {
    sections <- compared("section"); agrees <- compared("agrees")
    cat("\nAgreement with results.json\n")
    for (s in unique(sections)) cat(sprintf("  %-18s %6d of %6d numbers agree\n", s, sum(agrees[sections == s]), sum(sections == s)))
    cat(sprintf("  %-18s %6d of %6d numbers agree\n", "all", sum(agrees), length(agrees)))
  } else agrees <- logical(0)
  if (length(tally$without)) {
    cat("\nNumbers without an equivalent\n")
    reasons <- vapply(tally$without, function(w) w$reason, "")
    for (r in unique(reasons)) {
      held <- tally$without[reasons == r]
      cat(sprintf("  %d: %s\n", sum(vapply(held, function(w) length(w$names), 0L)), r))
      for (s in unique(vapply(held, function(w) w$section, ""))) {
        names <- unlist(lapply(Filter(function(w) w$section == s, held), function(w) w$names))
        cat(sprintf("      %s: %d (%s)\n", s, length(names), short(names)))
      }
    }
  }
  wrong <- Filter(function(r) !r$agrees, tally$rows)
  stray <- strays()
  if (length(wrong)) {
    cat("\nNumbers that differ\n")
    for (r in wrong) cat(sprintf("  %s: %.8g in results.json, %s in R (%s)\n", r$name, r$given,
      if (nzchar(r$failed)) paste("R stopped:", r$failed) else sprintf("%.8g", r$again), r$call))
  }
  if (length(tally$lost)) cat("\nNumbers that results.json held when this script was written, and holds no longer\n",
    paste0("  ", tally$lost, "\n"), sep = "")
  if (length(stray)) cat("\nClaims whose value is not the number they rest on\n", paste0("  ", stray, "\n"), sep = "")
  faults <- length(wrong) + length(stray) + length(tally$lost)
  if (faults == 0) cat("\nEvery number with an equivalent agrees.\n")
  quit(status = if (faults) 1 else 0, save = "no")
}

short <- function(names) {
  bare <- unique(sub("^sections\\.[^.]+\\.", "", sub("\\[[0-9]+\\]$", "", names)))
  paste0(paste(head(bare, 8), collapse = ", "), if (length(bare) > 8) sprintf(", and %d more columns", length(bare) - 8) else "")
}

# Every judged claim names the number it rests on: both must be the same.
strays <- function() {
  found <- character(0)
  for (s in names(results$sections)) for (f in results$sections[[s]]$findings) {
    if (is.null(f$value) || !nzchar(f$path)) next
    keys <- strsplit(gsub("\\[([0-9]+)\\]", ".#\\1", f$path), ".", fixed = TRUE)[[1]]
    at <- results
    for (k in keys) at <- if (startsWith(k, "#")) at[[as.integer(sub("#", "", k)) + 1]] else at[[k]]
    if (is.null(at) || abs(as.numeric(at) - f$value) > 1e-9 * max(1, abs(f$value))) found <- c(found, sprintf("%s (%s)", f$path, f$claim))
  }
  found
}
