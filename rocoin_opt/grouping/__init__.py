"""Disjoint groups by index: what a set of devices can hold within a threshold, and what no grouping can beat."""
