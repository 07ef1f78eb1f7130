"""The exact distribution of the answer time."""
