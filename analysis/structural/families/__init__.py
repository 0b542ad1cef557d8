"""Families of models: invariance, growth, panels, composites, competing theories."""
