"""What every room of the toolkit shares."""
