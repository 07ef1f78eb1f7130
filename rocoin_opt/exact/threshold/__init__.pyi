from .column_list import ColumnList
from .enumeration import columns_of, columns_of_chains
from .listed_columns import ListedColumns
from .listed_packing import Status, pack_listed
from .numbers.diving import dive
from .packing import Effort, Packing, pack_columns

__all__ = [
    "ColumnList",
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
