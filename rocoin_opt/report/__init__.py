"""Results side by side, for people."""
