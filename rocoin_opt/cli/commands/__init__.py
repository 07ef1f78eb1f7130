"""Commands by what they do, one a file; each imports what is heavy inside of its function."""
