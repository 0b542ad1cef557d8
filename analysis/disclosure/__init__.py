"""What every number of a results tree is, and what of it may be shown to others."""
