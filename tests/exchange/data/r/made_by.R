# Makes the files beside it; R 4.2, base packages. `haven` is not needed: its classes are set by hand.
labels <- c("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree")
codes <- data.frame(
  participant = c("a", "b", "c", NA), wave = c(1L, 1L, 2L, 2L), q1 = c(1, 2, NA, 4), q2 = c(5L, NA, 3L, 2L),
  q3 = c(3, 3, 3, 3), q4 = c(1, 5, 1, 5), q5 = c(2, 2, 4, 4), q6 = c(NA, 1, 2, 3)
)
whole <- codes[1:3, ]
saveRDS(whole, "codes.rds")
saveRDS(whole, "packed.rds", compress = "xz")
saveRDS(whole, "plain.rds", compress = FALSE)
saveRDS(codes, "without_id.rds")
texts <- whole
for (item in paste0("q", 1:6)) texts[[item]] <- factor(texts[[item]], levels = 1:5, labels = labels)
texts$q2 <- ordered(texts$q2)
texts$day <- as.Date(c("2026-03-01", NA, "1969-12-31"))
texts$at <- as.POSIXct(c("2026-03-01 10:00:00", "2026-07-01 10:00:00", NA), tz = "America/New_York")
saveRDS(texts, "factors.rds")
save(whole, file = "one.rda")
save(whole, texts, file = "two.RData")
spss <- whole
spss$q1 <- structure(c(1, 9, NA),
  labels = c(setNames(1:5, labels), "Prefer not to answer" = 9), na_values = 9,
  class = c("haven_labelled_spss", "haven_labelled", "vctrs_vctr", "double"))
class(spss) <- c("tbl_df", "tbl", "data.frame")
saveRDS(spss, "labelled.rds")
turned <- whole
turned$q1 <- structure(whole$q1, labels = setNames(5:1, labels), class = c("haven_labelled", "vctrs_vctr", "double"))
saveRDS(turned, "turned.rds")
saveRDS(as.matrix(whole[, 3:8]), "matrix.rds")
saveRDS(list(1), "list.rds")
nested <- whole
nested$more <- I(list(1, 2, 3))
saveRDS(nested, "nested.rds")
