"""One command a file; each imports what is heavy inside of its function."""
