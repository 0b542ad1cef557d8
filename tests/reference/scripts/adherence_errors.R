# Writes values/adherence_errors.json: errors of hazards and counts from people left out one at a time.
# Run in tests/reference: Rscript scripts/adherence_errors.R
suppressPackageStartupMessages({library(survival); library(MASS)})
file <- "data/adherence.csv"
d <- read.csv(file, na.strings = "")
z <- function(v) (v - mean(v)) / sd(v)
d$z <- z(d$score); d$b <- z(d$before); d$w <- z(d$distress); d$man <- as.numeric(d$sex == "man")
r <- d[!is.na(d$time), ]

# Cox: score and information of each person, event after event (Efron), the hazard of everyone left as it is.
cox <- function(formula, data) {
  environment(formula) <- environment()
  f <- coxph(formula, data = data, ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  X <- model.matrix(f); b <- coef(f); e <- exp(drop(X %*% b)); time <- data$time; event <- data$event == 1
  n <- nrow(X); p <- ncol(X); U <- matrix(0, n, p); I <- array(0, c(n, p, p))
  for (t in sort(unique(time[event]))) {
    dead <- which(event & time == t); D <- length(dead)
    for (l in seq_len(D)) {
      at <- as.numeric(time >= t); at[dead] <- 1 - (l - 1) / D
      S <- sum(at * e); mean <- colSums(at * e * X) / S
      for (i in which(at > 0)) {
        v <- X[i, ] - mean
        U[i, ] <- U[i, ] - at[i] * e[i] / S * v
        I[i, , ] <- I[i, , ] + at[i] * e[i] / S * outer(v, v)
      }
      for (i in dead) U[i, ] <- U[i, ] + (X[i, ] - mean) / D
    }
  }
  whole <- apply(I, c(2, 3), sum)
  stopifnot(max(abs(U - resid(f, type = "score"))) < 1e-8, max(abs(solve(whole) - vcov(f))) < 1e-8)
  moved <- t(sapply(seq_len(n), function(i) solve(whole - I[i, , ], U[i, ])))
  full <- t(sapply(seq_len(n), function(i) suppressWarnings(coef(coxph(formula, data = data[-i, ], ties = "efron",
    init = b, control = coxph.control(iter.max = 1)))) - b))
  list(coefficients = unname(b), se = unname(sqrt(colSums(moved^2))), covariance = c(crossprod(moved)),
    jackknife_se = unname(sqrt((n - 1) / n * colSums(full^2))))
}
plain <- cox(Surv(time, event) ~ z + b + w + man, r)
tied <- cox(Surv(time, event) ~ z + b + w + man, transform(r, time = ceiling(time / 7)))
crossed <- cox(Surv(time, event) ~ z + w + z:w + b + man, r)

# Discrete time: one step without the periods of each person.
last <- ifelse(r$event == 1, ceiling(r$time / 7 - 1e-9), floor(r$time / 7 + 1e-9))
rows <- do.call(rbind, lapply(seq_len(nrow(r)), function(i) if (last[i] > 0)
  data.frame(i = i, week = seq_len(last[i]), left = as.numeric(r$event[i] == 1 & seq_len(last[i]) == last[i]))))
some <- sort(unique(rows$week[rows$left == 1]))
rows$block <- factor(pmin(findInterval(rows$week, some, left.open = TRUE) + 1, length(some)))
rows <- cbind(rows, r[rows$i, c("z", "b", "w", "man")])
model <- left ~ 0 + block + z + b + w + man
dt <- glm(model, family = binomial("cloglog"), data = rows, control = glm.control(epsilon = 1e-14, maxit = 200))
once <- glm.control(epsilon = 1e-14, maxit = 1)
moved <- t(sapply(unique(rows$i), function(i) suppressWarnings(coef(glm(model, family = binomial("cloglog"),
  data = rows[rows$i != i, ], start = coef(dt), control = once))) - coef(dt)))
discrete <- list(coefficients = unname(coef(dt)), se = unname(sqrt(colSums(moved^2))))

# Counts: each person's score over one less the leverage (HC3).
hc3 <- function(m, score, W = m$weights) { X <- model.matrix(m)
  bread <- solve(crossprod(X, W * X)); h <- W * rowSums((X %*% bread) * X)
  if (identical(W, m$weights)) stopifnot(max(abs(h - hatvalues(m))) < 1e-6)
  crossprod((X * score / (1 - h)) %*% bread) }
qp <- glm(days ~ z + b + w + man, family = quasipoisson, data = d, control = glm.control(epsilon = 1e-14, maxit = 200))
nb <- glm.nb(days ~ z + b + w + man, data = d, control = glm.control(epsilon = 1e-14, maxit = 500))
quasi <- list(coefficients = unname(coef(qp)), se = unname(sqrt(diag(hc3(qp, d$days - fitted(qp))))))
# The negative binomial with the information as it was observed, not as the model expects it.
spread <- 1 + fitted(nb) / nb$theta
observed <- fitted(nb) * (1 + d$days / nb$theta) / spread^2
negative <- list(coefficients = unname(coef(nb)), se = unname(sqrt(diag(hc3(nb, (d$days - fitted(nb)) / spread, observed)))))

out <- list(r = R.version.string, survival = as.character(packageVersion("survival")), md5 = unname(tools::md5sum(file)),
  cox = plain, cox_tied = tied, cox_crossed = crossed, discrete = discrete, quasi = quasi,
  negative_binomial = negative)
writeLines(jsonlite::toJSON(out, digits = NA, pretty = TRUE), "values/adherence_errors.json")
