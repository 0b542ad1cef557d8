# Values for test_mediation_values.py: a chain of four steps by lavaan, with observed and with latent alliance,
# and the indirect effect under a supposed correlation of errors, from the residuals of lm.
# Run in tests/reference: Rscript scripts/mediation.R
suppressPackageStartupMessages(library(lavaan))
d <- read.csv("data/mediation.csv")
d$alliance <- rowMeans(d[, paste0("t", 1:4)])
chain <- "
  alliance ~ p01*context + before + distress
  done ~ p02*context + p12*alliance + before + distress
  outcome ~ p03*context + p13*alliance + p23*done + before + distress
  r012 := p01*p12
  r013 := p01*p13
  r023 := p02*p23
  r123 := p12*p23
  r0123 := p01*p12*p23
"
rows <- function(fit) {
  p <- parameterEstimates(fit)
  p <- p[p$label != "", ]
  c(as.list(setNames(p$est, p$label)), as.list(setNames(p$se, paste0(p$label, "_se"))))
}
observed <- sem(chain, d, estimator = "ML")
latent <- sem(paste("alliance =~ t1 + t2 + t3 + t4", chain), d[names(d) != "alliance"], estimator = "ML")
sd_latent <- sqrt(lavInspect(latent, "cov.lv")["alliance", "alliance"])

given_rho <- function(x, m, y, held, rho) {
  e1 <- resid(lm(reformulate(c(x, held), y), d))
  e2 <- resid(lm(reformulate(c(x, held), m), d))
  b <- coef(lm(reformulate(c(x, held), m), d))[[x]]
  seen <- cor(e1, e2)
  b * sd(e1) / sd(e2) * (seen - rho * sqrt((1 - seen^2) / (1 - rho^2)))
}
rho <- c(-0.6, -0.2, 0, 0.3, 0.7)
values <- list(
  meta = list(r = R.version.string, lavaan = as.character(packageVersion("lavaan")),
              md5 = unname(tools::md5sum("data/mediation.csv"))),
  observed = rows(observed),
  latent = c(rows(latent), list(sd = sd_latent, chisq = unname(fitMeasures(latent, "chisq")),
                                df = unname(fitMeasures(latent, "df")))),
  rho = rho,
  alliance_done = given_rho("context", "alliance", "done", c("before", "distress"), rho),
  done_outcome = given_rho("alliance", "done", "outcome", c("context", "before", "distress"), rho)
)
# VanderWeele's four parts from two lm, errors by the delta method (covariates at their mean).
four <- function(a, m, y, held, reference) {
  d[held] <- scale(d[held], scale = FALSE)
  middle <- lm(reformulate(c(a, held), m), d)
  end <- lm(reformulate(c(paste0(a, "*", m), held), y), d)
  b <- coef(middle)[c("(Intercept)", a)]
  t <- coef(end)[c(a, m, paste0(a, ":", m))]
  v <- matrix(0, 5, 5)
  v[1:2, 1:2] <- vcov(middle)[names(b), names(b)]
  v[3:5, 3:5] <- vcov(end)[names(t), names(t)]
  parts <- expression(t1 + t3 * reference, t3 * (b0 - reference), t3 * b1, t2 * b1)
  at <- list(b0 = b[[1]], b1 = b[[2]], t1 = t[[1]], t2 = t[[2]], t3 = t[[3]], reference = reference)
  estimate <- sapply(parts, eval, at)
  g <- t(sapply(parts, function(e) sapply(names(at)[1:5], function(by) eval(D(e, by), at))))
  sums <- rbind(diag(4), 1, c(0, 0, 1, 1), c(0, 1, 1, 0))
  list(estimate = c(sums %*% estimate), se = sqrt(diag(sums %*% g %*% v %*% t(g) %*% t(sums))))
}
values$four_use <- four("alliance", "done", "outcome", c("context", "before", "distress"), 0)
values$four_at_three <- four("alliance", "done", "outcome", c("before"), 3)
values$four_alliance <- four("context", "alliance", "done", c("before", "distress"), 0.5)
jsonlite::write_json(values, "values/mediation.json", digits = NA, pretty = TRUE, auto_unbox = TRUE)
