# Reference values for compare_theories, bifactor_strength and context_over_time.
# Run from the repository's root: Rscript tests/reference/scripts/context.R
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
data_file <- "tests/reference/data/context_over_time.csv"
D <- read.csv(data_file)
themes <- list(a = paste0("q", 1:3), b = paste0("q", 4:6), c = paste0("q", 7:9), k = paste0("q", 10:12))
measure <- function(names) paste(sapply(names, function(n) paste(n, "=~", paste(themes[[n]], collapse = " + "))), collapse = "\n")
one <- D[D$wave == 1, ]
fit_values <- function(f) {
  m <- fitMeasures(f)
  as.list(m[intersect(c("chisq", "df", "chisq.scaled", "pvalue.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled", "cfi.robust",
    "tli.robust", "rmsea.robust", "srmr"), names(m))])
}
dims <- c("a", "b", "c"); every <- c(dims, "k")
base <- paste0(measure(every), "\ngeneral =~ a + b + c")
nine <- unlist(themes[dims])
syntax <- list(
  "one factor" = paste("general =~", paste(nine, collapse = " + ")),
  "3 correlated" = measure(dims),
  "second order" = paste0(measure(dims), "\ngeneral =~ a + b + c"),
  "M1 one factor" = paste("general =~", paste(unlist(themes), collapse = " + ")),
  "M3 4 correlated" = measure(every),
  "M4 context predicts" = paste0(base, "\ngeneral ~ k"),
  "M4 reversed" = paste0(base, "\nk ~ general"),
  "M4 one more dimension" = paste0(base, "\ngeneral =~ k"))
fits <- lapply(syntax, function(s) sem(s, one, ordered = TRUE))
continuous <- lapply(syntax, function(s) sem(s, one, estimator = "MLR"))
diff_of <- function(l, free, restricted) { t <- as.data.frame(lavTestLRT(l[[free]], l[[restricted]])); as.list(unlist(t[2, c("Chisq diff", "Df diff", "Pr(>Chisq)")])) }
pairs <- list(c("3 correlated", "one factor"), c("M3 4 correlated", "M1 one factor"), c("M3 4 correlated", "M4 context predicts"))
tests <- function(l) lapply(pairs, function(p) c(list(free = p[1], restricted = p[2]), diff_of(l, p[1], p[2])))

# bifactor with its shares as defined parameters: standard errors by the delta method
g <- paste0("g", 1:9); s <- paste0("s", 1:9)
terms <- function(l, i) paste(paste0(l, i, "*", nine[i]), collapse = " + ")
sum_of <- function(l, i) paste0("(", paste0(l, i, collapse = " + "), ")")
squares <- function(l, i) paste0("(", paste0(l, i, "^2", collapse = " + "), ")")
share <- function(name, i, groups) {
  own <- paste(sapply(groups, function(k) paste0(sum_of("s", k), "^2")), collapse = " + ")
  v <- paste0("(", sum_of("g", i), "^2 + ", own, " + ", length(i), " - ", squares("g", i), " - ", squares("s", i), ")")
  paste0(name, "_omega := (", sum_of("g", i), "^2 + ", own, ") / ", v, "\n", name, "_omega_general := ", sum_of("g", i), "^2 / ", v,
    "\n", name, "_omega_group := (", own, ") / ", v, "\n", name, "_ecv := ", squares("g", i), " / (", squares("g", i), " + ", squares("s", i), ")")
}
groups <- list(1:3, 4:6, 7:9)
bifactor <- paste0("general =~ ", terms("g", 1:9), "\na =~ ", terms("s", 1:3), "\nb =~ ", terms("s", 4:6), "\nc =~ ", terms("s", 7:9), "\n",
  share("total", 1:9, groups), "\n", share("a", 1:3, list(1:3)), "\n", share("b", 4:6, list(4:6)), "\n", share("c", 7:9, list(7:9)))
B <- cfa(bifactor, one, ordered = TRUE, std.lv = TRUE, orthogonal = TRUE)
S <- standardizedSolution(B); S <- S[S$op == ":=", ]

# the context over time
wide <- reshape(D, direction = "wide", idvar = "participant", timevar = "wave", v.names = paste0("q", 1:12), sep = ".w")
at <- function(x, w) paste0(x, ".w", w)
paths <- "general.w2 ~ stay*general.w1 + lead*k.w1\nk.w2 ~ kept*k.w1 + back*general.w1\ngeneral.w1 ~~ k.w1\ngeneral.w2 ~~ k.w2\ndifference := lead - back"
items_model <- paste(c(
  unlist(lapply(1:2, function(w) c(
    sapply(every, function(n) paste(at(n, w), "=~", paste(at(themes[[n]], w), collapse = " + "))),
    paste(at("general", w), "=~", paste(at(dims, w), collapse = " + "))))),
  paste(at(unlist(themes), 1), "~~", at(unlist(themes), 2)), paste(at(dims, 1), "~~", at(dims, 2)), paths), collapse = "\n")
I <- sem(items_model, wide, ordered = TRUE, missing = "pairwise")
for (w in 1:2) for (n in dims) { x <- wide[at(themes[[n]], w)]; wide[[at(n, w)]] <- rowMeans(x) }
scores_model <- paste(c(
  unlist(lapply(1:2, function(w) c(
    paste(at("general", w), "=~", paste(paste0(c("1", "lb", "lc"), "*", at(dims, w)), collapse = " + ")),
    paste(at("k", w), "=~", paste(paste0(c("1", "l11", "l12"), "*", at(themes$k, w)), collapse = " + "))))),
  paste(at(c(dims, themes$k), 1), "~~", at(c(dims, themes$k), 2)), paths), collapse = "\n")
C <- sem(scores_model, wide, estimator = "MLR", missing = "fiml")
path_values <- function(f) {
  s <- standardizedSolution(f); s <- s[s$op %in% c("~", ":=") , ]
  list(lhs = s$lhs, rhs = s$rhs, est = s$est.std, se = s$se, pvalue = s$pvalue, fit = fit_values(f), n_obs = lavInspect(f, "ntotal"))
}
values <- list(
  made_with = list(R = paste(R.version$major, R.version$minor, sep = "."), lavaan = as.character(packageVersion("lavaan"))),
  data = list(file = "context_over_time.csv", sha256 = strsplit(system(paste("sha256sum", data_file), intern = TRUE), " ")[[1]][1]),
  fits = lapply(fits, fit_values), continuous = lapply(continuous, fit_values), tests = tests(fits), continuous_tests = tests(continuous),
  bifactor = list(name = S$lhs, est = S$est.std, se = S$se),
  items = path_values(I), scores = path_values(C))
write(toJSON(values, digits = NA, auto_unbox = TRUE, pretty = TRUE), "tests/reference/values/context.json")
print(warnings())
