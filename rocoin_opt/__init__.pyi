from .batch.results import ItemResult
from .batch.run_results import RunResults
from .batch.solving import solve_many
from .control import Control, Progress
from .errors import (
    CertificateError,
    InputError,
    MendedWarning,
    Problem,
    RocoinError,
    SolverError,
    UnitWarning,
    UnsupportedError,
)
from .estimation.estimates import DeviceEstimates, estimate_devices
from .failure.assessment import assess, losses
from .failure.claims import write_plan
from .failure.distribution.answer_time import latency_distribution
from .failure.evaluation import evaluate
from .failure.monte_carlo.arrivals import simulate_arrivals
from .failure.monte_carlo.rare import failure_probability
from .failure.monte_carlo.simulation import simulate, simulate_difference
from .failure.monte_carlo.traces import Traces, read_traces
from .failure.partial_answers import LinearAccuracy, expected_accuracy, parts_arrived
from .failure.validity import check
from .failure.what_if.replica_value import replica_values
from .failure.what_if.sensitivity import sensitivities
from .instance.device_tables import devices_from_csv, devices_from_frame
from .instance.entities import Channel, Device, FailureDomain, Knowledge, Requirements, Student
from .instance.files import instance_schema, read_instance, write_instance
from .instance.generate import generate
from .instance.matrices import ClassAffinity, FilterGraph
from .instance.model import Instance
from .instance.rules import Rule
from .plan.changes import Load, StartRepair
from .plan.conflict import Conflict, ConflictMember
from .plan.files import plan_schema, read_plan
from .plan.metrics import Metrics
from .plan.model import Group, Plan
from .plan.result import Outcome, Result
from .plan.validity import Violation
from .planning.compare import Comparison, compare
from .planning.conflicts.why_not import why_not
from .planning.expand import expansions
from .planning.frontier import Frontier, FrontierPoint, frontier
from .planning.methods import METHODS, Method
from .planning.most_groups import MostGroups, max_groups
from .planning.partition import Partition, partition
from .planning.replan import Replan, replan
from .planning.simplify import simplifications
from .planning.solve import solve
from .provenance import versions

__version__: str

__all__ = [
    "METHODS",
    "CertificateError",
    "Channel",
    "ClassAffinity",
    "Comparison",
    "Conflict",
    "ConflictMember",
    "Control",
    "Device",
    "DeviceEstimates",
    "FailureDomain",
    "FilterGraph",
    "Frontier",
    "FrontierPoint",
    "Group",
    "InputError",
    "Instance",
    "ItemResult",
    "Knowledge",
    "LinearAccuracy",
    "Load",
    "MendedWarning",
    "Method",
    "Metrics",
    "MostGroups",
    "Outcome",
    "Partition",
    "Plan",
    "Problem",
    "Progress",
    "Replan",
    "Requirements",
    "Result",
    "RocoinError",
    "Rule",
    "RunResults",
    "SolverError",
    "StartRepair",
    "Student",
    "Traces",
    "UnitWarning",
    "UnsupportedError",
    "Violation",
    "assess",
    "check",
    "compare",
    "devices_from_csv",
    "devices_from_frame",
    "estimate_devices",
    "evaluate",
    "expansions",
    "expected_accuracy",
    "failure_probability",
    "frontier",
    "generate",
    "instance_schema",
    "latency_distribution",
    "losses",
    "max_groups",
    "partition",
    "parts_arrived",
    "plan_schema",
    "read_instance",
    "read_plan",
    "read_traces",
    "replan",
    "replica_values",
    "sensitivities",
    "simplifications",
    "simulate",
    "simulate_arrivals",
    "simulate_difference",
    "solve",
    "solve_many",
    "versions",
    "why_not",
    "write_instance",
    "write_plan",
]
