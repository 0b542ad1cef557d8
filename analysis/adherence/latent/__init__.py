"""Alliance without measurement error."""
