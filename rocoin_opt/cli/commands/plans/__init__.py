"""Commands that look for plans."""
