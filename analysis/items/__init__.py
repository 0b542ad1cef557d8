"""Items one by one: their answers, and answers that are missing."""
