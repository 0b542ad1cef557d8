"""Two-level models: data, likelihood, estimation."""
