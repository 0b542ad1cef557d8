"""Where a study's answers live: tables, migrations and the repository functions, the only SQL."""
