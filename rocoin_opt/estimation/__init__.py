"""From logs of real requests to devices: failure probabilities with their margin, and slowdown laws."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
