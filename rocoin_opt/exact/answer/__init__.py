"""Proofs for the whole answer: disjoint sets of devices, all of which are listed, packed by reduced cost."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
