"""Pyomo models of the problem and its parts, readable as mathematics: they build, they never solve."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
