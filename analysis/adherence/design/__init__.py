"""The landmark design: who is watched from when, and what is held constant."""
