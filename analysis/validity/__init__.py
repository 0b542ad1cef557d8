"""Validity against other measures: convergent, discriminant, known groups, incremental."""
