"""The model language and the parameter table; nothing here knows data."""
