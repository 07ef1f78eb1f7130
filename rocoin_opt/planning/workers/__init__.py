"""Searches in processes beside each other: who they are, what each does, how they end."""
