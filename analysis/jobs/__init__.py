"""Validations that run outside the page that asked for them: one at a time for each study."""
