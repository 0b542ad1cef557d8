"""What follows from a fitted model: tests, comparisons, residuals, scores."""
