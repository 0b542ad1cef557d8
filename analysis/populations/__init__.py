"""Populations that the toolkit ships, one YAML file each; see `analysis.simulation`."""
