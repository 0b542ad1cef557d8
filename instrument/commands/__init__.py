"""Commands of the instrument: scoring, studies, exchange, content."""
