"""Which theme an app should work on."""
