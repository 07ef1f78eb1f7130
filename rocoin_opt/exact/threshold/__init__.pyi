from .diving import dive
from .enumeration import Column, columns_of, columns_of_chains
from .listed_packing import ListedColumns, Status, pack_listed
from .packing import Effort, Packing, pack_columns

__all__ = [
    "Column",
    "Effort",
    "ListedColumns",
    "Packing",
    "Status",
    "columns_of",
    "columns_of_chains",
    "dive",
    "pack_columns",
    "pack_listed",
]
