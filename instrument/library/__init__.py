"""Instruments that the toolkit ships, one folder each."""
