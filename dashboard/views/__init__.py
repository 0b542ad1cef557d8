"""Made in its own piece."""
