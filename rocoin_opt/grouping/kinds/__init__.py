"""Fleets of alike devices: which devices no plan can tell apart, and what a threshold leaves of their kinds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
