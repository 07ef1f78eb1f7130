"""Proofs for guaranteed under random latencies."""
