"""The work that shows content validity: judges, interviews and translations, and what they add up to."""
