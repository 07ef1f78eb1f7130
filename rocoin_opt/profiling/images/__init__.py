"""Labelled images: one reader a format, one form for what was read, one way to split and to scale it."""
