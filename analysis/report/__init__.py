"""A tree of results as pages, PDF, Word, Markdown, tables and data."""
