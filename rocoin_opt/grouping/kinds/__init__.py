"""Fleets of alike devices: which devices no plan can tell apart, and what a threshold leaves of their kinds."""
