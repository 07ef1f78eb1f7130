"""Local search for the expected answer time."""
