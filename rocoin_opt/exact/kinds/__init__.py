"""Proofs for fleets of alike devices: groups are counts of each kind, and packings say how often each is taken."""
