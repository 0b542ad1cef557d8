"""What each topic says of its numbers: the call of R that gives them, or why there is none."""
