"""Covers: whether sets of devices keep the outage limit, and which do so at the least price."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
