"""Proofs for the expected answer time: relaxation, then branch and bound."""
