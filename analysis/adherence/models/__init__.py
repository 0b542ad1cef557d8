"""Models of use after the landmark."""
