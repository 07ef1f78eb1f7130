"""Packings by how many groups there are of each size: which numbers there can be, and groups for given ones."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
