"""The only package that talks to HiGHS: models go in, checked solutions come out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
