"""Agreement of repeated measurements, and the measurement error of single scores."""
