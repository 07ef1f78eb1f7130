"""What would change a plan's figures: derivatives, and replicas added or lost."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
