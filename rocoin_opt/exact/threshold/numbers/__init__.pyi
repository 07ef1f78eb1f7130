from .count_tree import pack_by_counts
from .diving import dive

__all__ = ["dive", "pack_by_counts"]
