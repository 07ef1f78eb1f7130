from .annealing import anneal
from .count_tree import pack_by_counts
from .diving import dive
from .spacious_numbers import NumbersMemory

__all__ = ["NumbersMemory", "anneal", "dive", "pack_by_counts"]
