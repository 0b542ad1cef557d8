# Two variables of 302 people at four waves from a random-intercept cross-lagged population, with drop-out.
# usage: Rscript scripts/panel_data.R   (from tests/reference); writes data/panel_two_variables.csv
set.seed(302)
n <- 302
waves <- 4
between <- MASS::mvrnorm(n, c(0, 0), matrix(c(.6, -.2, -.2, .5), 2))
within <- array(0, c(n, waves, 2))
within[, 1, ] <- MASS::mvrnorm(n, c(0, 0), matrix(c(1, -.25, -.25, 1), 2))
lags <- matrix(c(.35, -.12, -.15, .30), 2)
for (t in 2:waves) {
  push <- MASS::mvrnorm(n, c(0, 0), matrix(c(.8, -.15, -.15, .85), 2))
  within[, t, ] <- within[, t - 1, ] %*% lags + push
}
a <- sapply(1:waves, function(t) 3.5 + between[, 1] + within[, t, 1])
d <- sapply(1:waves, function(t) 2.5 + between[, 2] + within[, t, 2])
D <- round(data.frame(a, d), 4)
names(D) <- c(paste0("a", 1:waves), paste0("d", 1:waves))
gone <- outer(runif(n), c(0, .08, .16, .24), "<")
for (t in 1:waves) D[gone[, t], paste0(c("a", "d"), t)] <- NA
write.csv(D, "data/panel_two_variables.csv", row.names = FALSE, na = "")
