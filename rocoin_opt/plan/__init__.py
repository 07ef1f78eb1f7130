"""What is decided: the plan, whether it is valid, what it is worth, and its files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
