"""What a study sends, and by which way."""
