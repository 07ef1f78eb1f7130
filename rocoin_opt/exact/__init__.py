"""Proofs: thresholds, bounds, and methods whose answer is exact."""
