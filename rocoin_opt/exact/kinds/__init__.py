"""Proofs for fleets of alike devices: groups are counts of each kind, and packings say how often each is taken."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
