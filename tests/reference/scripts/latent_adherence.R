# Writes values/latent_adherence.json: slopes of sessions on a score, on the score corrected for its unreliability, and
# on a latent variable (structure after measurement), with standard errors from the infinitesimal jackknife.
# Run in tests/reference: Rscript scripts/latent_adherence.R
suppressPackageStartupMessages({library(lavaan); library(boot)})
num <- function(v) ifelse(is.na(v), "null", sprintf("%.17g", as.numeric(v)))
txt <- function(v) paste0("\"", v, "\"")
json <- function(x) {
  if (is.list(x)) {
    body <- vapply(seq_along(x), function(i) paste0(txt(names(x)[i]), ": ", json(x[[i]])), "")
    return(paste0("{", paste(body, collapse = ",\n"), "}"))
  }
  s <- if (is.numeric(x)) num(x) else txt(as.character(x))
  paste0("[", paste(s, collapse = ", "), "]")
}
file <- "data/latent_adherence.csv"
d <- read.csv(file)
n <- nrow(d)
q <- paste0("q", 1:9)
d$score <- rowMeans(d[q])
third <- function(k) rowMeans(d[q[(3 * k - 2):(3 * k)]])
d$t1 <- third(1); d$t2 <- third(2); d$t3 <- third(3)

# Weighted moments, so that the infinitesimal jackknife can move the weights.
wcov <- function(m, w) { w <- as.numeric(w) / sum(w); mu <- colSums(m * w); x <- sweep(m, 2, mu); t(x) %*% (x * w) }
slope <- function(parts) function(data, w) {
  S <- wcov(as.matrix(data[c("score", "done", "before", "distress")]), w)
  rho <- 1
  if (!is.null(parts)) {
    P <- wcov(as.matrix(data[parts]), w); k <- length(parts)
    rho <- k / (k - 1) * (1 - sum(diag(P)) / sum(P))
  }
  M <- S[-2, -2]; M[1, 1] <- rho * M[1, 1]
  b <- solve(M, S[-2, 2])[1] * sqrt(M[1, 1])
  c(b, b / sqrt(S[2, 2]), rho)
}
jack <- function(f) {
  at <- f(d, rep(1, n))
  se <- sapply(1:2, function(j) sqrt(var.linear(empinf(data = d, statistic = function(x, w) f(x, w)[j], type = "inf", stype = "w", eps = 1e-6))))
  list(estimate = at[1], standardized = at[2], reliability = at[3], se = se[1], standardized_se = se[2])
}
observed <- jack(slope(NULL))
items <- jack(slope(q))
themes <- jack(slope(c("t1", "t2", "t3")))

# Structure after measurement: loadings by WLSMV, polyserial correlations, then linear algebra.
after <- function(model, focal, own) {
  f <- cfa(model, d[own], ordered = own, std.lv = TRUE, estimator = "WLSMV", control = list(rel.tol = 1e-12))
  V <- lavInspect(f, "cov.all")[c(own, lavNames(f, "lv")), c(own, lavNames(f, "lv"))]
  l <- V[own, focal] / sqrt(V[focal, focal])
  Sigma <- V[own, own]
  m <- solve(Sigma, l); info <- sum(l * m); m <- m / info
  z <- c("done", "before", "distress")
  R <- lavCor(d[c(own, z)], ordered = own, se = "none")
  R <- unclass(as.matrix(R))[c(own, z), c(own, z)]
  phi <- R[z, own] %*% m
  C <- R[z, z]; C[1, 2:3] <- phi[2:3]; C[2:3, 1] <- phi[2:3]
  right <- R[z, "done"]; right[1] <- phi[1]
  b <- solve(C, right)[1]
  list(standardized = b, estimate = b * sqrt(mean((d$done - mean(d$done))^2)), reliability = info,
       loadings = as.numeric(l), phi = as.numeric(phi))
}
one <- after(paste("f =~", paste(q[1:6], collapse = " + ")), "f", q[1:6])
two <- after(paste("a =~ q1 + q2 + q3", "b =~ q4 + q5 + q6", "c =~ q7 + q8 + q9", "g =~ a + b + c", sep = "\n"), "g", q)

# In one step: the same slope by WLSMV of the whole model.
s <- sem(paste("f =~", paste(q[1:6], collapse = " + "), "\n done ~ f + before + distress\n f ~~ before + distress"),
  d, ordered = q[1:6], std.lv = TRUE, estimator = "WLSMV", fixed.x = FALSE, conditional.x = FALSE)
e <- parameterEstimates(s); e <- e[e$lhs == "done" & e$op == "~" & e$rhs == "f", ]
joint <- list(estimate = e$est, se = e$se)

meta <- list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), boot = as.character(packageVersion("boot")),
  md5 = unname(tools::md5sum(file)))
writeLines(json(list(meta = meta, observed = observed, items = items, themes = themes, one = one, two = two, joint = joint)),
  "values/latent_adherence.json")
