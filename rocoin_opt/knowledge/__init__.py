"""The teacher's knowledge as a filter graph, and its partition into parts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
