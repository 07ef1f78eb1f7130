from .count_tree import pack_by_counts
from .diving import NumbersMemory, dive

__all__ = ["NumbersMemory", "dive", "pack_by_counts"]
