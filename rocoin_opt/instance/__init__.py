"""What is given: the instance, its arrays, its files, and where instances come from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
