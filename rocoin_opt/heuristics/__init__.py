"""Good plans without proof: constructive methods, and the baselines that a comparison needs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
