"""Pyomo models of the problem and its parts, readable as mathematics: they build, they never solve."""
