"""Plans robust cooperative inference on unreliable, heterogeneous devices, and proves how good the plan is.

The public names stand in the stub beside this file. They are loaded when they are first used, so that importing the
package costs next to nothing.
"""

import lazy_loader

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name, or ask for the version of the package."""
    if name == "__version__":
        from rocoin_opt.provenance import own_version

        return own_version()
    return _public(name)
