"""A study of known truth: people, answers, use and outcome drawn from a population file."""
