from .affinity import estimated_affinity, estimation_seconds, one_class
from .criteria import CRITERIA, EVIDENCE_WEIGHT, Criterion, class_evidence, evidence_lost
from .cuts import ncut
from .eigenpairs import eigen_seconds
from .partitioning import best_parts, is_small, lower_bound
from .refinement import LARGE
from .search import find_parts, ncut_parts
from .sizes import SizeRanges, Sizes, are_within, contiguous_partition, equal_sizes, level_sizes
from .subsets import PartKind, labels_of_parts, part_kinds

__all__ = [
    "CRITERIA",
    "EVIDENCE_WEIGHT",
    "LARGE",
    "Criterion",
    "PartKind",
    "SizeRanges",
    "Sizes",
    "are_within",
    "best_parts",
    "class_evidence",
    "contiguous_partition",
    "eigen_seconds",
    "equal_sizes",
    "estimated_affinity",
    "estimation_seconds",
    "evidence_lost",
    "find_parts",
    "is_small",
    "labels_of_parts",
    "level_sizes",
    "lower_bound",
    "ncut",
    "ncut_parts",
    "one_class",
    "part_kinds",
]
