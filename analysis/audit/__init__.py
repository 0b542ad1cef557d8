"""Audit of an app's features: whether two raters agree, and whether features go with alliance across apps."""
