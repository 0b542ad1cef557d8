"""Estimation: from moments to estimates, standard errors and fit indices."""
