"""What may be said of an association."""
