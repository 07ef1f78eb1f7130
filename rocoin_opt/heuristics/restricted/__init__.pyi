from .descent import Within, descend
from .spares import with_spares_added

__all__ = ["Within", "descend", "with_spares_added"]
