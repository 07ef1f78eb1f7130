from .descent import Within, descend
from .sized_groups import groups_of_sizes
from .spares import with_spares_added

__all__ = ["Within", "descend", "groups_of_sizes", "with_spares_added"]
