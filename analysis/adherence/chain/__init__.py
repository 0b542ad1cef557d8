"""The chain from context over alliance and use to outcome."""
