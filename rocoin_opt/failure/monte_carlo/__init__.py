"""Simulation of a plan, and probabilities too small for it."""
