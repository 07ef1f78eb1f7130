"""How a plan holds up under failure: laws of random latencies, the exact distribution, Monte Carlo, rare events."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
