# Values for test_audit_values.py: kappa by psych, AC1 and PABAK by their published formulas, mixed models by lme4.
# Run in tests/reference: Rscript scripts/audit.R
suppressPackageStartupMessages({library(psych); library(lme4)})
audit <- read.csv("data/audit.csv")
people <- read.csv("data/audit_people.csv")
labels <- c("absent", "unclear", "present")
wide <- merge(audit[audit$rater == "r1", ], audit[audit$rater == "r2", ], by = c("app", "principle"))
coefficients <- function(rows) {
  first <- factor(rows$rating.x, labels)
  second <- factor(rows$rating.y, labels)
  n <- nrow(rows)
  q <- 3
  p <- table(first, second) / n
  k <- cohen.kappa(table(first, second))
  a <- sum(diag(p))
  share <- (rowSums(p) + colSums(p)) / 2
  e <- sum(share * (1 - share)) / (q - 1)
  g <- (a - e) / (1 - e)
  inner <- sum(diag(p) * (1 - share)) / (q - 1) - a * e
  outer <- sum(p * (1 - (outer(share, share, "+")) / 2)^2) / (q - 1)^2 - e^2
  v <- (a * (1 - a) - 4 * (1 - g) * inner + 4 * (1 - g)^2 * outer) / (n * (1 - e)^2)
  list(n = n, agreement = a, kappa = k$kappa, kappa_se = sqrt(k$var.kappa), ac1 = g, ac1_se = sqrt(v),
       pabak = (q * a - 1) / (q - 1), pabak_se = q / (q - 1) * sqrt(a * (1 - a) / n))
}
one <- wide[wide$app %in% c("app01", "app02", "app03"), ]

agreed <- wide[wide$rating.x == "present" & wide$rating.y == "present", ]
share <- table(factor(agreed$app, unique(people$app))) / 28
people$share <- as.numeric(share[people$app])
people$reminders <- as.numeric(people$app %in% agreed$app[agreed$principle == "reminders"])
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10))
model <- function(formula) {
  fit <- lmer(formula, people, REML = TRUE, control = tight)
  last <- length(fixef(fit))
  v <- as.data.frame(VarCorr(fit))$vcov
  list(estimate = unname(fixef(fit)[last]), se = sqrt(diag(as.matrix(vcov(fit))))[[last]],
       between_apps = v[1], residual = v[2])
}
values <- list(
  meta = list(r = R.version.string, psych = as.character(packageVersion("psych")),
              lme4 = as.character(packageVersion("lme4")),
              md5 = as.list(tools::md5sum(c("data/audit.csv", "data/audit_people.csv")))),
  three_apps = coefficients(one),
  all_apps = coefficients(wide),
  share = model(total ~ share + (1 | app)),
  share_with_age = model(total ~ age + share + (1 | app)),
  reminders = model(total ~ reminders + (1 | app)),
  empty = model(total ~ 1 + (1 | app))
)
jsonlite::write_json(values, "values/audit.json", digits = NA, pretty = TRUE, auto_unbox = TRUE)
