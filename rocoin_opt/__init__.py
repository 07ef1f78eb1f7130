"""Plans robust cooperative inference on unreliable, heterogeneous devices, and proves how good the plan is.

The public names stand in the stub beside this file. They are loaded when they are first used, so that importing the
package costs next to nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
