from .diving import dive
from .enumeration import Column, columns_of, columns_of_chains
from .packing import Effort, Packing, Status, pack_columns

__all__ = [
    "Column",
    "Effort",
    "Packing",
    "Status",
    "columns_of",
    "columns_of_chains",
    "dive",
    "pack_columns",
]
