# Values for test_priority_values.py: effects of three themes on later use, one at a time and together,
# their covariance across models, differences from their mean, and general dominance by lm on every subset.
# Run in tests/reference: Rscript scripts/priorities.R
options(digits = 15)
table <- read.csv("data/latent_adherence.csv")
themes <- sapply(split(1:9, rep(1:3, each = 3)), function(at) rowMeans(table[, paste0("q", at)]))
z <- scale(themes)
held <- scale(as.matrix(table[, c("before", "distress")]))
done <- table$done
due <- 8
n <- nrow(table)

units <- function(b, x, at) mean(due * plogis(x %*% b) * (1 - plogis(x %*% b)) * b[at])
slope <- function(f, b) sapply(seq_along(b), function(j) {
  h <- replace(numeric(length(b)), j, 1e-5)
  (f(b + h) - f(b - h)) / 2e-5
})
# HC3: each person's score divided by one less the leverage.
hc3 <- function(fit) {
  x <- model.matrix(fit)
  p <- fitted(fit)
  moved <- (x * (fit$prior.weights * (fit$y - p) / (1 - hatvalues(fit)))) %*% summary(fit)$cov.unscaled
  crossprod(moved)
}
effect <- function(x, at) {
  fit <- glm(cbind(done, due - done) ~ x - 1, family = quasibinomial, control = list(epsilon = 1e-14))
  b <- unname(coef(fit))
  g <- slope(function(v) units(v, x, at), b)
  V <- hc3(fit)
  se <- sqrt(drop(t(g) %*% V %*% g))
  half <- qt(0.975, fit$df.residual) * se
  p <- drop(plogis(x %*% b))
  bread <- solve(t(x) %*% (x * (due * p * (1 - p))))
  # Influence by the coefficients, by the average over people, by the standard deviation of the score.
  own <- due * p * (1 - p) * b[at]
  psi <- (x * (done - due * p)) %*% bread %*% g + (own - mean(own)) / n + mean(own) * (x[, at]^2 - 1) / 2 / n
  list(value = units(b, x, at), lower = units(b, x, at) - half, upper = units(b, x, at) + half,
       p = 2 * pt(-abs(b[at]) / sqrt(V[at, at]), fit$df.residual), psi = drop(psi), df = fit$df.residual)
}
pull <- function(list, name) unname(sapply(list, `[[`, name))
alone <- lapply(1:3, function(j) effect(cbind(1, z[, j], held), 2))
joint <- lapply(1:3, function(j) effect(cbind(1, z, held), 1 + j))
psi <- pull(alone, "psi")
df <- alone[[1]]$df
covariance <- crossprod(psi) * n / df
centre <- diag(3) - 1 / 3
difference <- drop(centre %*% pull(alone, "value"))
spread <- centre %*% covariance %*% centre
half <- qt(1 - 0.05 / 6, df) * sqrt(diag(spread))
wald <- drop(difference[1:2] %*% solve(spread[1:2, 1:2]) %*% difference[1:2]) / 2

r2 <- function(at) summary(lm(done ~ ., data = data.frame(done, held, themes[, at, drop = FALSE])))$r.squared
general <- sapply(1:3, function(j) {
  others <- setdiff(1:3, j)
  sizes <- lapply(0:2, function(s) if (s == 0) list(integer(0)) else combn(others, s, simplify = FALSE))
  if (length(others) == 2) sizes[[3]] <- list(others)
  mean(sapply(sizes, function(sets) mean(sapply(sets, function(set) r2(c(set, j)) - r2(set)))))
})
everything <- r2(1:3) - r2(integer(0))

values <- list(
  meta = list(r = R.version.string, md5 = unname(tools::md5sum("data/latent_adherence.csv"))),
  alone = list(estimate = pull(alone, "value"), lower = pull(alone, "lower"), upper = pull(alone, "upper"),
               pvalue = pull(alone, "p"), covariance = covariance, df = df),
  joint = list(estimate = pull(joint, "value"), lower = pull(joint, "lower"), upper = pull(joint, "upper"),
               pvalue = pull(joint, "p")),
  comparison = list(difference = difference, lower = difference - half, upper = difference + half,
                    pvalue = pf(wald, 2, df, lower.tail = FALSE)),
  dominance = list(weights = general, explained = everything)
)
jsonlite::write_json(values, "values/priorities.json", digits = NA, pretty = TRUE)
