"""Plans robust cooperative inference on unreliable, heterogeneous devices, and proves how good the plan is.

The public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rocoin_opt.batch.results import ItemResult
    from rocoin_opt.batch.solving import solve_many
    from rocoin_opt.control import Control, Progress
    from rocoin_opt.errors import (
        CertificateError,
        InputError,
        MendedWarning,
        Problem,
        RocoinError,
        SolverError,
        UnsupportedError,
    )
    from rocoin_opt.failure.assessment import assess, losses
    from rocoin_opt.failure.distribution.answer_time import latency_distribution
    from rocoin_opt.failure.evaluation import evaluate
    from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
    from rocoin_opt.failure.monte_carlo.rare import failure_probability
    from rocoin_opt.failure.monte_carlo.simulation import simulate, simulate_difference
    from rocoin_opt.failure.monte_carlo.traces import Traces, read_traces
    from rocoin_opt.failure.partial_answers import LinearAccuracy, expected_accuracy, parts_arrived
    from rocoin_opt.failure.what_if.replica_value import replica_values
    from rocoin_opt.failure.what_if.sensitivity import sensitivities
    from rocoin_opt.instance.files import instance_schema, read_instance, write_instance
    from rocoin_opt.instance.generate import generate
    from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
    from rocoin_opt.instance.model import Device, FailureDomain, Instance, Knowledge, Requirements, Student
    from rocoin_opt.knowledge.partition import Partition, partition
    from rocoin_opt.plan.changes import Load
    from rocoin_opt.plan.files import plan_schema, read_plan, write_plan
    from rocoin_opt.plan.metrics import Metrics
    from rocoin_opt.plan.model import Group, Plan
    from rocoin_opt.plan.result import Outcome, Result
    from rocoin_opt.plan.validity import Violation, check
    from rocoin_opt.planning.expand import expansions
    from rocoin_opt.planning.frontier import Frontier, FrontierPoint, frontier
    from rocoin_opt.planning.methods import METHODS, Method
    from rocoin_opt.planning.replan import Replan, replan
    from rocoin_opt.planning.simplify import simplifications
    from rocoin_opt.planning.solve import compare, solve
    from rocoin_opt.provenance import versions

_HOME = {
    "rocoin_opt.batch.results": ("ItemResult",),
    "rocoin_opt.batch.solving": ("solve_many",),
    "rocoin_opt.control": ("Control", "Progress"),
    "rocoin_opt.errors": (
        "CertificateError",
        "InputError",
        "MendedWarning",
        "Problem",
        "RocoinError",
        "SolverError",
        "UnsupportedError",
    ),
    "rocoin_opt.planning.expand": ("expansions",),
    "rocoin_opt.failure.monte_carlo.arrivals": ("simulate_arrivals",),
    "rocoin_opt.failure.assessment": ("assess", "losses"),
    "rocoin_opt.failure.distribution.answer_time": ("latency_distribution",),
    "rocoin_opt.failure.evaluation": ("evaluate",),
    "rocoin_opt.failure.partial_answers": ("LinearAccuracy", "expected_accuracy", "parts_arrived"),
    "rocoin_opt.failure.monte_carlo.rare": ("failure_probability",),
    "rocoin_opt.failure.what_if.replica_value": ("replica_values",),
    "rocoin_opt.failure.what_if.sensitivity": ("sensitivities",),
    "rocoin_opt.failure.monte_carlo.simulation": ("simulate", "simulate_difference"),
    "rocoin_opt.failure.monte_carlo.traces": ("Traces", "read_traces"),
    "rocoin_opt.instance.files": ("instance_schema", "read_instance", "write_instance"),
    "rocoin_opt.instance.generate": ("generate",),
    "rocoin_opt.instance.matrices": ("ClassAffinity", "FilterGraph"),
    "rocoin_opt.instance.model": ("Device", "FailureDomain", "Instance", "Knowledge", "Requirements", "Student"),
    "rocoin_opt.knowledge.partition": ("Partition", "partition"),
    "rocoin_opt.plan.validity": ("Violation", "check"),
    "rocoin_opt.plan.changes": ("Load",),
    "rocoin_opt.plan.files": ("plan_schema", "read_plan", "write_plan"),
    "rocoin_opt.plan.metrics": ("Metrics",),
    "rocoin_opt.plan.model": ("Group", "Plan"),
    "rocoin_opt.plan.result": ("Outcome", "Result"),
    "rocoin_opt.planning.solve": ("compare", "solve"),
    "rocoin_opt.provenance": ("versions",),
    "rocoin_opt.planning.methods": ("METHODS", "Method"),
    "rocoin_opt.planning.replan": ("Replan", "replan"),
    "rocoin_opt.planning.simplify": ("simplifications",),
    "rocoin_opt.planning.frontier": ("Frontier", "FrontierPoint", "frontier"),
}

__all__ = [
    "METHODS",
    "CertificateError",
    "ClassAffinity",
    "Control",
    "Device",
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
    "Outcome",
    "Partition",
    "Plan",
    "Problem",
    "Progress",
    "Replan",
    "Requirements",
    "Result",
    "RocoinError",
    "SolverError",
    "Student",
    "Traces",
    "UnsupportedError",
    "Violation",
    "assess",
    "check",
    "compare",
    "evaluate",
    "expansions",
    "expected_accuracy",
    "failure_probability",
    "frontier",
    "generate",
    "instance_schema",
    "latency_distribution",
    "losses",
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
    "write_instance",
    "write_plan",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            value = getattr(import_module(module), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
