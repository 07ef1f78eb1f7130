"""What is decided: the plan, whether it is valid, what it is worth, and its files."""
