"""Disjoint groups by index: what a set of devices can hold within a threshold, and what no grouping can beat."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
