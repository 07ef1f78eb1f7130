"""Proofs for few devices that share channels: branch and bound over groups, their students and sizes."""
