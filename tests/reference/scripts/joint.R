# Writes values/joint.json: weekly use and leaving with a shared propensity, by a likelihood of its own.
# Run in tests/reference: Rscript scripts/joint.R
# Simpson's rule at 121 places from -6 to 6 for everybody, dpois, optim, optimHess; no code of the toolkit. The
# search starts from points of one decimal, which saves time and is all that it takes from elsewhere (two minutes).
num <- function(v) sprintf("%.17g", as.numeric(v))
json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0("\"", names(x), "\": ", vapply(x, json, ""), collapse = ",\n"), "}"))
  s <- if (is.numeric(x)) num(x) else paste0("\"", x, "\"")
  paste0("[", paste(s, collapse = ", "), "]")
}
file <- "data/joint.csv"
d <- read.csv(file)
U <- seq(-6, 6, length.out = 121)
simpson <- c(1, rep(c(4, 2), 59), 4, 1) * (U[2] - U[1]) / 3
model <- function(d, hidden, use, start, search = TRUE) {
  alone <- length(start) == 8  # nobody differs
  d$use <- d[[use]]
  person <- split(d, d$participant)
  first <- do.call(rbind, lapply(person, function(p) p[1, c("alliance", "distress")]))
  z <- scale(as.matrix(first)); n <- nrow(z); weeks <- max(d$week); mid <- (weeks + 1) / 2
  y <- t(sapply(person, function(p) c(p$use, rep(NA, weeks - nrow(p)))))
  W <- sapply(person, nrow); end <- sapply(person, function(p) max(c(0, which(p$use > 0))))
  left <- sapply(person, function(p) p$left[nrow(p)])
  value <- function(th) {
    if (alone) th <- c(th, 0, -40)
    b <- matrix(exp(th[10]) * U, n, length(U), byrow = TRUE)
    logpois <- logstay <- loggo <- vector("list", weeks)
    for (k in seq_len(weeks)) {
      there <- k <= W
      mu <- exp(th[1] + th[2] * (k - mid) + z %*% th[3:4])[, 1] * exp(b)
      logpois[[k]] <- there * dpois(matrix(ifelse(is.na(y[, k]), 0, y[, k]), n, length(U)), mu, log = TRUE)
      slot <- if (hidden) k - 1 else k  # end of week k - 1 where hidden, of week k where seen
      h <- exp(th[5] + th[6] * (slot - mid) + z %*% th[7:8])[, 1] * exp(th[9] * b)
      logstay[[k]] <- there * -h; loggo[[k]] <- log1p(-exp(-h))
    }
    all <- Reduce(`+`, logpois)
    if (!hidden) {
      total <- all + Reduce(`+`, logstay)
      for (k in seq_len(weeks)) total <- total + (left == 1 & W == k) * (loggo[[k]] - logstay[[k]])
      f <- exp(total)
    } else {
      f <- exp(all + Reduce(`+`, logstay)); lived <- 0; stayed <- 0
      for (k in seq_len(weeks)) {  # gone at the end of week k - 1
        f <- f + (end < k & k <= W) * exp(lived + stayed + loggo[[k]])
        lived <- lived + logpois[[k]]; stayed <- stayed + logstay[[k]]
      }
    }
    sum(log((f * matrix(dnorm(U), n, length(U), byrow = TRUE)) %*% simpson))
  }
  if (!search) return(value(start) + sum(lfactorial(d$use)))
  o <- list(par = start)
  for (step in c(1e-4, 1e-5)) o <- optim(o$par, value, method = "BFGS",
    control = list(fnscale = -n, reltol = 1e-14, maxit = 300, ndeps = rep(step, length(start))))
  H <- optimHess(o$par, value, control = list(fnscale = -1, ndeps = rep(1e-3, length(start))))
  list(theta = o$par, se = sqrt(diag(solve(-H))), loglik = o$value + sum(lfactorial(d$use)), n = n)
}
points <- list(  # of one decimal, near and far from the maxima
  c(1.1, 0, 0, -0.1, -2.7, 0, -0.1, 0.3, 0.2, -1.6), c(0.1, 0, 0, -0.1, -3.5, -0.1, -0.2, 0.2, 1.7, -0.8),
  c(0.3, -0.1, 0.2, 0.1, -2.0, 0.1, -0.3, 0.2, -0.6, -0.2))
far <- function(d, hidden, use) sapply(points, function(at) model(d, hidden, use, at, search = FALSE))
hidden <- c(model(d, TRUE, "events", points[[1]]), list(at = c(far(d, TRUE, "events"), far(d, TRUE, "days"))))
gone <- d[d$after == 0, ]
seen <- c(model(gone, FALSE, "days", points[[2]]), list(at = far(gone, FALSE, "days")))
alone <- model(d, TRUE, "days", c(0.3, 0, 0, -0.1, -3.1, -0.1, -0.1, 0.3))
meta <- list(R = R.version.string, data_md5 = unname(tools::md5sum(file)))
writeLines(json(list(meta = meta, points = unlist(points), hidden = hidden, seen = seen, alone = alone)), "values/joint.json")
