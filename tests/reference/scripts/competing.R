# Writes values/competing.json: ends of use that compete.
# Run in tests/reference: Rscript scripts/competing.R
suppressPackageStartupMessages({library(survival); library(cmprsk)})
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
d <- d[!is.na(d$time), ]
z <- function(v) (v - mean(v)) / sd(v)
d$z <- z(d$score); d$w <- z(d$distress); d$man <- as.numeric(d$sex == "man")
# Every third who left got better; watching of some ends early, so that censoring is spread.
d$cause <- ifelse(d$event == 1, ifelse(d$id %% 3 == 0, 2, 1), 0)
ends <- 5 + (d$id * 37) %% 90
d$cause[ends < d$time] <- 0
d$time <- pmin(d$time, ends)
X <- as.matrix(d[, c("z", "w", "man")])
model <- function(time, cause) lapply(c(left = 1, better = 2), function(k) {
  f <- crr(time, cause, X, failcode = k, gtol = 1e-12, maxiter = 100)
  s <- coxph(Surv(time, cause == k) ~ X, ties = "efron", control = coxph.control(eps = 1e-11, iter.max = 50))
  list(events = sum(cause == k), fine_gray = unname(f$coef), fine_gray_se = sqrt(diag(f$var)), loglik = f$loglik,
    specific = unname(coef(s)), specific_se = unname(sqrt(diag(vcov(s)))))
})
incidence <- function(time, cause, at) {
  f <- summary(survfit(Surv(time, factor(cause, 0:2, c("none", "left", "better"))) ~ 1), times = at)
  c1 <- timepoints(cuminc(time, cause), at)
  list(at = at, left = f$pstate[, 2], better = f$pstate[, 3], left_se = f$std.err[, 2], better_se = f$std.err[, 3],
    cuminc_left = unname(c1$est[1, ]), cuminc_better = unname(c1$est[2, ]))
}
weeks <- ceiling(d$time / 7)
values <- list(n = nrow(d), plain = model(d$time, d$cause), tied = model(weeks, d$cause),
  incidence = incidence(d$time, d$cause, c(10, 25, 40, 55)), incidence_tied = incidence(weeks, d$cause, c(2, 4, 6, 8)),
  program = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival")),
    cmprsk = as.character(packageVersion("cmprsk"))),
  data_sha256 = strsplit(system2("sha256sum", file, stdout = TRUE), " ")[[1]][1])
writeLines(json(values), "values/competing.json")
