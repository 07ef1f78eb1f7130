"""Many instances by many methods: a run that loses nothing, whatever ends it.

``items`` says what there is to do, ``store`` keeps what was found, ``executors`` and ``worker`` do the work in
processes that ``limits`` can end, and ``runner`` brings them together.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
