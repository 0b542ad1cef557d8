# Writes values/recurrent.json: events that can happen again, Andersen and Gill with errors by person.
# Run in tests/reference: Rscript scripts/recurrent.R
suppressPackageStartupMessages(library(survival))
library(jsonlite)
file <- "data/recurrent.csv"
d <- read.csv(file)
fit <- function(data, cluster) {
  f <- coxph(Surv(start, stop, event) ~ alliance + distress + woman, data = data, cluster = cluster,
             ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  list(n = nrow(data), events = sum(data$event), coefficients = unname(coef(f)), robust = unname(sqrt(diag(f$var))),
       plain = unname(sqrt(diag(f$naive.var))), loglik = f$loglik[2],
       residuals = unname(residuals(f, type = "score")[1:25, 1]))
}
write(toJSON(list(
  made_by = "scripts/recurrent.R", programs = list(R = paste(R.version$major, R.version$minor, sep = "."),
    survival = as.character(packageVersion("survival"))), md5 = unname(tools::md5sum(file)),
  person = fit(d, d$participant), clinic = fit(d, d$clinic),
  untied = fit(transform(d, start = start + 0.001 * (as.integer(factor(participant)) %% 97) / 97,
                         stop = stop + 0.001 * (as.integer(factor(participant)) %% 97) / 97), d$participant)
), auto_unbox = TRUE, digits = 17, pretty = TRUE), "values/recurrent.json")
