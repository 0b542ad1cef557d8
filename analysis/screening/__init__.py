"""Screening of administrations before anything is computed."""
