# Sandwich errors of structure after measurement, put together from lavaan's scores and information: values/sam_robust.json
# usage (from tests/reference): Rscript scripts/sam_robust.R
suppressMessages({library(lavaan); library(jsonlite)})
D <- read.csv("data/two_levels.csv.gz")
D <- D[D$cluster <= 80, ]
first <- list("f =~ y1 + y2 + y3", "g =~ y4 + y5 + y6")
model <- paste(c(unlist(first), "f ~ x1", "g ~ f + x1 + x2"), collapse = "\n")
both <- function(clusters) {
  steps <- lapply(first, function(b) cfa(b, D, meanstructure = TRUE))
  joint <- suppressWarnings(sam(model, D, sam.method = "global"))
  table <- parTable(joint)
  start <- parTable(sem(model, D, meanstructure = TRUE, do.fit = FALSE))
  key <- function(t) paste(t$lhs, t$op, t$rhs)
  point <- coef(joint)
  start$ustart <- NULL; start$start <- NULL; start$est <- NULL
  at <- table$est[match(key(start), key(table))]
  for (one in steps) { # intercepts of items as in step 1
    p <- parTable(one); own <- p$op == "~1" & p$free > 0
    at[match(key(p)[own], key(start))] <- p$est[own]
  }
  at[start$op == "~1" & start$lhs %in% c("f", "g")] <- 0
  means <- colMeans(D[c("x1", "x2")])
  slope <- function(l, r) at[key(start) == paste(l, "~", r)]
  E <- D; E$x1 <- D$x1 - means["x1"]; E$x2 <- D$x2 - means["x2"]
  start$ustart <- at
  start$ustart[start$exo > 0] <- NA
  fit <- sem(start[c("lhs", "op", "rhs", "user", "block", "group", "free", "ustart", "exo", "label", "plabel")], E,
    meanstructure = TRUE, do.fit = FALSE)
  scores <- lavScores(fit)
  information <- lavTech(fit, "information.observed")
  names <- names(coef(fit))
  n <- nrow(E)
  pulls <- matrix(0, n, length(names), dimnames = list(NULL, names))
  for (one in steps) {
    s <- lavScores(one); bread <- solve(lavTech(one, "information.observed"))
    p <- s %*% bread / n
    own <- intersect(names(coef(one)), names[!names %in% c("f~~f", "g~~g")])
    pulls[, own] <- p[, match(own, names(coef(one)))]
  }
  ones <- unlist(lapply(steps, function(one) setdiff(names(coef(one)), c("f~~f", "g~~g"))))
  second <- !names %in% ones
  inner <- solve(information[second, second])
  pulls[, second] <- (scores[, second] / n - pulls[, !second] %*% t(information[second, !second])) %*% inner
  sums <- if (clusters) rowsum(pulls, D$cluster) else pulls
  factor <- if (clusters) nrow(sums) / (nrow(sums) - 1) else 1
  se <- sqrt(diag(crossprod(sums)) * factor)
  list(name = names, est = unname(coef(fit)), se = unname(se), gradient = max(abs(colMeans(scores[, second]))))
}
out <- list(
  made_by = list(
    program = paste("lavaan", packageVersion("lavaan"), "scores and information, sandwich in R"),
    script = "scripts/sam_robust.R", rows = "clusters up to 80",
    md5 = unname(tools::md5sum("data/two_levels.csv.gz"))
  ),
  model = model, rows = both(FALSE), clusters = both(TRUE)
)
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, na = "null"), "values/sam_robust.json")
print(data.frame(out$rows$name, out$rows$est, out$rows$se, out$clusters$se)); print(out$rows$gradient)
