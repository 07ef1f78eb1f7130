from .archives import MAX_MATRIX_BYTES, ArchiveError, read_arrays
from .arrays import BoolArray, FloatArray, InstanceArrays, IntArray, LatencyTerms, keeps_outage_limit
from .device_files import Fleet, device_file_schema, read_device_file
from .entities import Device, Knowledge, Requirements, Student
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
from .files import FORMAT, canonical_text, instance_schema, parse_instance, read_instance, write_instance
from .limits import LIMIT_TOLERANCE, keeps_limit, stretched
from .matrices import MAX_FILTERS, ClassAffinity, FilterGraph
from .model import Instance, without_laws
from .slowdown import Constant, Empirical, Gamma, LogNormal, ShiftedExponential, Slowdown, Weibull

__all__ = [
    "FORMAT",
    "LARGEST",
    "LARGEST_COUNT",
    "LIMIT_TOLERANCE",
    "MAX_FILTERS",
    "MAX_MATRIX_BYTES",
    "SMALLEST",
    "SMALLEST_OUTAGE_LIMIT",
    "ArchiveError",
    "BoolArray",
    "ClassAffinity",
    "Constant",
    "Count",
    "Device",
    "Empirical",
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
    "ShiftedExponential",
    "Slowdown",
    "Student",
    "Weibull",
    "canonical_text",
    "device_file_schema",
    "instance_schema",
    "keeps_limit",
    "keeps_outage_limit",
    "parse_instance",
    "read_arrays",
    "read_device_file",
    "read_instance",
    "stretched",
    "without_laws",
    "write_instance",
]
