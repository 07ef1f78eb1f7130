from .archives import MAX_MATRIX_BYTES, ArchiveError, read_arrays
from .arrays import BoolArray, FloatArray, InstanceArrays, IntArray, LatencyTerms, keeps_outage_limit
from .device_files import Fleet, device_file_schema, read_device_file
from .entities import Device, FailureDomain, Knowledge, Requirements, Student
from .fields import (
    LARGEST,
    LARGEST_COUNT,
    SMALLEST,
    SMALLEST_OUTAGE_LIMIT,
    Count,
    Figure,
    Identifier,
    Index,
    NonNegative,
    Positive,
    Probability,
)
from .files import FORMAT, canonical_text, instance_schema, matrix_files, parse_instance, read_instance, write_instance
from .limits import LIMIT_TOLERANCE, complement, is_positive, keeps_limit, stretched
from .matrices import MAX_FILTERS, ClassAffinity, FilterGraph
from .model import Instance, without_laws
from .rules import Restrictions, Rule
from .shared_failures import SharedFailures
from .slowdown import Constant, Empirical, Gamma, LogNormal, ShiftedExponential, Slowdown, Weibull
from .tolerances import LAST_DIGITS, ROUNDING, SAFETY, SOLVER, SOLVER_SAFETY

__all__ = [
    "FORMAT",
    "LARGEST",
    "LARGEST_COUNT",
    "LAST_DIGITS",
    "LIMIT_TOLERANCE",
    "MAX_FILTERS",
    "MAX_MATRIX_BYTES",
    "ROUNDING",
    "SAFETY",
    "SMALLEST",
    "SMALLEST_OUTAGE_LIMIT",
    "SOLVER",
    "SOLVER_SAFETY",
    "ArchiveError",
    "BoolArray",
    "ClassAffinity",
    "Constant",
    "Count",
    "Device",
    "Empirical",
    "FailureDomain",
    "Figure",
    "FilterGraph",
    "Fleet",
    "FloatArray",
    "Gamma",
    "Identifier",
    "Index",
    "Instance",
    "InstanceArrays",
    "IntArray",
    "Knowledge",
    "LatencyTerms",
    "LogNormal",
    "NonNegative",
    "Positive",
    "Probability",
    "Requirements",
    "Restrictions",
    "Rule",
    "SharedFailures",
    "ShiftedExponential",
    "Slowdown",
    "Student",
    "Weibull",
    "canonical_text",
    "complement",
    "device_file_schema",
    "instance_schema",
    "is_positive",
    "keeps_limit",
    "keeps_outage_limit",
    "matrix_files",
    "parse_instance",
    "read_arrays",
    "read_device_file",
    "read_instance",
    "stretched",
    "without_laws",
    "write_instance",
]
