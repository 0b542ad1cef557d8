"""The plan of an analysis: written, checked, sealed, and held against what was done."""
