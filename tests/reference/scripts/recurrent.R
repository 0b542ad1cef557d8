# Writes values/recurrent.json: events that can happen again, Andersen and Gill, errors by people or clinics left out.
# Run in tests/reference: Rscript scripts/recurrent.R
suppressPackageStartupMessages(library(survival))
library(jsonlite)
file <- "data/recurrent.csv"
d <- read.csv(file)
# How coefficients move without each unit, hazards of all left as they are, event by event (Efron's rule by hand)
left_out <- function(data, cluster, b) {
  x <- as.matrix(data[, c("alliance", "distress", "woman")]); r <- drop(exp(x %*% b)); p <- ncol(x)
  U <- matrix(0, nrow(x), p); I <- array(0, c(nrow(x), p, p)); whole <- matrix(0, p, p)
  for (t in sort(unique(data$stop[data$event == 1]))) {
    there <- data$start < t & data$stop >= t
    ended <- which(data$event == 1 & data$stop == t); d <- length(ended)
    for (k in seq_len(d) - 1) {
      w <- r * there; w[ended] <- w[ended] * (1 - k / d)
      mean <- colSums(w * x) / sum(w); away <- sweep(x, 2, mean); w <- w / sum(w)
      whole <- whole + crossprod(away, w * away)
      U <- U - w * away; U[ended, ] <- U[ended, , drop = FALSE] + away[ended, , drop = FALSE] / d
      for (i in which(w > 0)) I[i, , ] <- I[i, , ] + w[i] * tcrossprod(away[i, ])
    }
  }
  moved <- t(sapply(unique(cluster), function(g) {
    own <- cluster == g
    solve(whole - apply(I[own, , , drop = FALSE], 2:3, sum), colSums(U[own, , drop = FALSE]))
  }))
  unname(sqrt(diag(crossprod(moved)) * (nrow(moved) - 1) / nrow(moved)))
}
fit <- function(data, cluster) {
  f <- coxph(Surv(start, stop, event) ~ alliance + distress + woman, data = data, cluster = cluster,
             ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  list(n = nrow(data), events = sum(data$event), coefficients = unname(coef(f)), left_out = left_out(data, cluster, coef(f)),
       plain = unname(sqrt(diag(f$naive.var))), loglik = f$loglik[2])
}
write(toJSON(list(
  made_by = "scripts/recurrent.R", programs = list(R = paste(R.version$major, R.version$minor, sep = "."),
    survival = as.character(packageVersion("survival"))), md5 = unname(tools::md5sum(file)),
  person = fit(d, d$participant), clinic = fit(d, d$clinic),
  untied = fit(transform(d, start = start + 0.001 * (as.integer(factor(participant)) %% 97) / 97,
                         stop = stop + 0.001 * (as.integer(factor(participant)) %% 97) / 97), d$participant)
), auto_unbox = TRUE, digits = 17, pretty = TRUE), "values/recurrent.json")
