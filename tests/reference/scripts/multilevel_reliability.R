# Omega and alpha of two levels as defined parameters of two-level models, by lavaan 0.6-14 (Debian 12).
# usage: Rscript scripts/multilevel_reliability.R   (from tests/reference)
suppressPackageStartupMessages(library(lavaan))
library(jsonlite)
path <- "data/two_levels.csv.gz"
D <- read.csv(path, colClasses = c(lost = "character"))
sizes <- table(D$cluster)
h <- length(sizes) / sum(1 / sizes)
omega <- function(equal) {
  b <- if (equal) c("l2", "l3") else c("m2", "m3")
  cb <- sprintf("((1 + %s + %s)^2 * fb)", b[1], b[2])
  cw <- "((1 + l2 + l3)^2 * fw)"
  tw <- "(t1 + t2 + t3)"
  tb <- "(u1 + u2 + u3)"
  paste(
    "level: 1", "w =~ 1*y1 + l2*y2 + l3*y3", "w ~~ fw*w", "y1 ~~ t1*y1", "y2 ~~ t2*y2", "y3 ~~ t3*y3",
    "level: 2", sprintf("b =~ 1*y1 + %s*y2 + %s*y3", b[1], b[2]), "b ~~ fb*b", "y1 ~~ u1*y1", "y2 ~~ u2*y2", "y3 ~~ u3*y3",
    sprintf("omega_within := %s / (%s + %s)", cw, cw, tw),
    sprintf("omega_between := %s / (%s + %s + (%s + %s) / %.15g)", cb, cb, tb, cw, tw, h),
    sprintf("omega_total := (%s + %s) / (%s + %s + %s + %s)", cw, cb, cw, cb, tw, tb),
    sprintf("omega_latent_between := %s / (%s + %s)", cb, cb, tb), sep = "\n"
  )
}
alpha <- paste(
  "level: 1", "y1 ~~ a11*y1 + a12*y2 + a13*y3", "y2 ~~ a22*y2 + a23*y3", "y3 ~~ a33*y3",
  "level: 2", "y1 ~~ b11*y1 + b12*y2 + b13*y3", "y2 ~~ b22*y2 + b23*y3", "y3 ~~ b33*y3",
  "ow := 2*(a12 + a13 + a23)", "ob := 2*(b12 + b13 + b23)", "sw := ow + a11 + a22 + a33", "sb := ob + b11 + b22 + b33",
  "alpha_within := 1.5*ow/sw", sprintf("alpha_between := 1.5*ob/(sb + sw/%.15g)", h), "alpha_total := 1.5*(ow + ob)/(sw + sb)",
  "alpha_latent_between := 1.5*ob/sb", "icc_y1 := b11/(a11 + b11)", "icc_y2 := b22/(a22 + b22)", "icc_y3 := b33/(a33 + b33)", sep = "\n"
)
get <- function(text) {
  p <- parameterEstimates(sem(text, D, cluster = "cluster", estimator = "MLR"))
  p <- p[p$op == ":=", ]
  setNames(lapply(seq_len(nrow(p)), function(k) list(est = p$est[k], se = p$se[k])), p$lhs)
}
out <- list(
  made_by = list(program = paste("lavaan", packageVersion("lavaan")), script = "scripts/multilevel_reliability.R", file = "two_levels.csv.gz", md5 = unname(tools::md5sum(path))),
  harmonic_size = h, configural = get(omega(TRUE)), shared = get(omega(FALSE)), any = get(alpha),
  # printed by the author of Lai (2021) for y1, y2 and y3: https://quantscience.rbind.io/posts/2022-11-13-multilevel-composite-reliability/
  published = list(alpha_total = .7523324, alpha_between = .7613526, alpha_within = .6682291, omega_total = .7669377, omega_between = .7837490, omega_within = .6761273)
)
D4 <- "level: 1\nf =~ y1+y2+y3\ng =~ y4+y5+y6\nlevel: 2\nf =~ y1+y2+y3\ng =~ y4+y5+y6"
same <- "level: 1\nf =~ y1+b*y2+c*y3\ng =~ y4+e*y5+h*y6\nlevel: 2\nf =~ y1+b*y2+c*y3\ng =~ y4+e*y5+h*y6"
one <- sem(D4, D, cluster = "cluster", estimator = "MLR")
two <- sem(same, D, cluster = "cluster", estimator = "MLR")
keep <- c("chisq", "df", "cfi", "rmsea", "chisq.scaled", "cfi.scaled", "rmsea.scaled")
out$invariance <- list(configural = as.list(fitMeasures(one)[keep]), metric = as.list(fitMeasures(two)[keep]), difference = as.list(lavTestLRT(one, two)[2, c("Chisq diff", "Df diff", "Pr(>Chisq)")]))
write_json(out, "values/multilevel_reliability.json", digits = NA, auto_unbox = TRUE, na = "null")
