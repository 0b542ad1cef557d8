# Writes values/adherence_clusters.json: models of use after the landmark, people in twenty clusters.
# Run in tests/reference: Rscript scripts/adherence_clusters.R
suppressPackageStartupMessages({library(survival); library(lme4)})
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
file <- "data/adherence.csv"
d <- read.csv(file, na.strings = "")
z <- function(v) (v - mean(v)) / sd(v)
d$z <- z(d$score); d$b <- z(d$before); d$w <- z(d$distress)
d$man <- as.numeric(d$sex == "man")
# Twenty clinics of twelve, alike in use: ordered by units done and a fixed shuffle.
i <- seq_len(nrow(d))
d$clinic <- (rank(8 * d$done / d$due + 8 * ((i * 37) %% 101) / 101, ties.method = "first") - 1) %/% 12
tight <- glm.control(epsilon = 1e-14, maxit = 200)
once <- glm.control(epsilon = 1e-14, maxit = 1)
# Jackknife over clusters by one step from the solution without each.
jack <- function(rows) { G <- nrow(rows); list(se = sqrt((G - 1) / G * colSums(rows^2)), df = G - 1) }
by_step <- function(formula, family, data) {
  whole <- glm(formula, family = family, data = data, control = tight)
  rows <- t(sapply(sort(unique(data$clinic)), function(g) suppressWarnings(coef(glm(formula, family = family,
    data = data[data$clinic != g, ], start = coef(whole), control = once))) - coef(whole)))
  jack(unname(rows))
}
quasi <- by_step(cbind(done, due - done) ~ z + b + w + man, quasibinomial, d)
threshold <- by_step(reached ~ z + b + w + man, binomial, d)
poisson <- by_step(days ~ z + b + w + man, quasipoisson, d)
q <- glm(days ~ z + b + w + man, family = quasipoisson, data = d, control = tight)
poisson$coefficients <- unname(coef(q)); poisson$plain_se <- unname(sqrt(diag(vcov(q))))
poisson$dispersion <- summary(q)$dispersion

h <- d[!is.na(d$time), ]
model <- Surv(time, event) ~ z + b + w + man
whole <- coxph(model, data = h, ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
rows <- t(sapply(sort(unique(h$clinic)), function(g) suppressWarnings(coef(coxph(model, data = h[h$clinic != g, ],
  ties = "efron", init = coef(whole), control = coxph.control(iter.max = 1)))) - coef(whole)))
cox <- jack(unname(rows))
robust <- coxph(Surv(time, event) ~ z + b + w + man + cluster(clinic), data = h, ties = "efron")
cox$robust_se <- unname(sqrt(diag(vcov(robust))))

d$units <- 8 * d$done / d$due
m <- lmer(units ~ z + b + w + man + (1 | clinic), data = d, REML = TRUE,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
mixed <- list(coefficients = unname(fixef(m)), se = unname(sqrt(diag(as.matrix(vcov(m))))),
  variances = as.data.frame(VarCorr(m))$vcov)

out <- list(r = R.version.string, survival = as.character(packageVersion("survival")),
  lme4 = as.character(packageVersion("lme4")), md5 = unname(tools::md5sum(file)),
  quasi = quasi, threshold = threshold, poisson = poisson, cox = cox, mixed = mixed)
writeLines(json(out), "values/adherence_clusters.json")
