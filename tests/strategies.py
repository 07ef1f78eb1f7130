"""Hypothesis strategies: tiny instances, plans for them, and the documents of both."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from oracle import feasible_plans
from rocoin_opt.instance.matrices import FilterGraph
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

RATES = st.sampled_from([0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0]) | st.floats(0.25, 50.0)
CRASHES = st.sampled_from([0.3, 0.1, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.0, 0.9, 0.999999, 1 - 2**-50])
LIMITS = st.sampled_from([0.3, 0.1, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.05, 0.01, 0.001, 0.0, 1.0])
SUCCESSES = st.sampled_from([0.9, 0.81, 0.99, 0.891, 0.9801, 0.5, 0.63, 0.729, 0.75, 0.999999, 1.0, 0.0])
"""Least success probabilities: products of what is left of crash probabilities, and the ends."""
LEVELS = st.sampled_from([0.9, 0.81, 0.5, 0.63, 0.95, 0.99, 0.999999999, 0.25, 1e-6]) | st.floats(0.01, 0.99)
SLOWDOWNS = st.one_of(
    st.fixed_dictionaries({"law": st.just("constant")}),
    *(
        st.fixed_dictionaries({"law": st.just(law), parameter: st.floats(0.1, 8.0)})
        for law, parameter in [
            ("shifted_exponential", "rate"),
            ("lognormal", "sigma"),
            ("gamma", "shape"),
            ("weibull", "shape"),
            ("pareto", "alpha"),
        ]
    ),
    st.fixed_dictionaries({"law": st.just("empirical"), "values": st.lists(st.floats(0.5, 4.0), min_size=1)}),
)


@st.composite
def instance_fields(
    draw: DrawFn,
    *,
    max_devices: int = 5,
    max_students: int = 3,
    max_filters: int = 6,
    deadline: bool | None = None,
    level: bool | None = False,
    success: bool | None = False,
    domains: bool = False,
    slowdowns: bool = False,
) -> dict[str, Any]:
    """Fields of a tiny valid instance without matrices, as an instance file holds them below its header.

    Parameters
    ----------
    max_devices, max_students, max_filters : int
        Largest sizes; all of them start at 1.
    deadline : bool, optional
        Whether there is a deadline; either where left out.
    level : bool or None
        Whether there is a level for the quantile; either where it is None.
    success : bool or None
        Whether the whole answer has to succeed with some probability; either where it is None.
    domains, slowdowns : bool
        Whether devices may stand in failure domains and have slowdown laws.
    """
    filters = draw(st.integers(1, max_filters))
    shared: list[float] = draw(st.lists(CRASHES, max_size=2)) if domains else []
    devices = []
    for n in range(draw(st.integers(1, max_devices))):
        device: dict[str, Any] = {
            "id": f"d{n}",
            "flops_per_second": draw(RATES),
            "memory_bytes": draw(st.sampled_from([20, 20, 20, 10, 6, 2])),
            "uplink_bits_per_second": draw(RATES),
            "overhead_seconds": draw(st.sampled_from([0.0, 0.0, 0.25, 1.0])),
            "failure_probability": draw(CRASHES),
        }
        if shared and draw(st.booleans()):
            device["failure_domain"] = f"ap{draw(st.integers(0, len(shared) - 1))}"
        if slowdowns:
            device.update(draw(st.fixed_dictionaries({}, optional={"compute_slowdown": SLOWDOWNS})))
            device.update(draw(st.fixed_dictionaries({}, optional={"link_slowdown": SLOWDOWNS})))
        devices.append(device)
    students = [
        {
            "id": f"s{j}",
            "flops": draw(st.sampled_from([0.0, 1.0, 4.0, 6.5])),
            "flops_per_filter": draw(st.sampled_from([0.0, 0.0, 0.5, 3.0])),
            "memory_bytes": draw(st.sampled_from([1, 0, 4, 8])),
            "memory_bytes_per_filter": draw(st.sampled_from([0, 0, 0.5, 2])),
            "max_filters": draw(st.sampled_from([filters, filters + 1]) | st.integers(1, filters)),
        }
        for j in range(draw(st.integers(1, max_students)))
    ]
    requirements: dict[str, Any] = {"max_group_outage": draw(LIMITS)}
    requirements["min_groups"] = draw(st.sampled_from([1, 1, 1, 2]))
    if draw(st.booleans()):
        requirements["max_groups"] = draw(st.integers(requirements["min_groups"], max(max_devices, 2)))
    if deadline or (deadline is None and draw(st.booleans())):
        requirements["deadline_seconds"] = draw(st.sampled_from([0.5, 2.0, 7.0, 30.0, 1000.0]))
    if success or (success is None and draw(st.booleans())):
        requirements["min_success"] = draw(SUCCESSES | st.floats(0.1, 1.0))
    if level or (level is None and draw(st.booleans())):
        requirements["success_level"] = draw(LEVELS)
    fields: dict[str, Any] = {
        "name": "tiny",
        "devices": devices,
        "students": students,
        "knowledge": {"num_filters": filters, "bits_per_filter": draw(st.sampled_from([0.0, 1.0, 2.0, 7.5]))},
        "requirements": requirements,
    }
    if shared:
        fields["failure_domains"] = [{"id": f"ap{d}", "failure_probability": p} for d, p in enumerate(shared)]
    return fields


@st.composite
def graphs(draw: DrawFn, num_filters: int) -> np.ndarray:
    """Dense filter graphs: symmetric, non-negative, zero diagonal, with a fair share of zeros."""
    pairs = num_filters * (num_filters - 1) // 2
    weights = st.sampled_from([0.0, 0.0, 1.0, 2.0, 0.125, 1e-9, 3e8])
    upper = draw(st.lists(weights, min_size=pairs, max_size=pairs))
    matrix = np.zeros((num_filters, num_filters))
    matrix[np.triu_indices(num_filters, 1)] = upper
    return matrix + matrix.T


@st.composite
def instances(draw: DrawFn, /, *, graph: bool | None = False, **options: Any) -> Instance:
    """Tiny valid instances; see :func:`instance_fields` for the options.

    ``graph`` says whether there is a filter graph, either where it is None.
    """
    fields = draw(instance_fields(**options))
    if graph or (graph is None and draw(st.booleans())):
        fields["knowledge"]["graph"] = FilterGraph.from_weights(draw(graphs(fields["knowledge"]["num_filters"])))
    return Instance.model_validate(fields)


@st.composite
def structured_plans(draw: DrawFn, instance: Instance) -> Plan:
    """Plans with disjoint non-empty groups and sizes of at least 1 that sum to M; other rules may be broken."""
    total = instance.knowledge.num_filters
    devices = draw(st.permutations([device.id for device in instance.devices]))
    groups = draw(st.integers(1, min(len(devices), total)))
    cuts = draw(st.permutations(range(1, total)))[: groups - 1]
    edges = [0, *sorted(cuts), total]
    members: list[list[str]] = [[device] for device in devices[:groups]]
    for device in devices[groups:]:
        k = draw(st.integers(0, groups))
        if k < groups:
            members[k].append(device)
    students = st.sampled_from([student.id for student in instance.students])
    return Plan.of(
        instance,
        [
            Group(devices=tuple(members[k]), student=draw(students), num_filters=edges[k + 1] - edges[k])
            for k in range(groups)
        ],
    )


@st.composite
def wild_plans(draw: DrawFn, instance: Instance) -> Plan:
    """Anything that the data classes let through: unknown, repeated and missing devices, empty groups, odd filters."""
    devices = st.sampled_from([*(device.id for device in instance.devices), "stranger"])
    students = st.sampled_from([*(student.id for student in instance.students), "stranger"])
    sizes = st.integers(0, instance.knowledge.num_filters + 1)
    group = st.builds(
        Group,
        devices=st.lists(devices, max_size=3).map(tuple),
        student=students,
        num_filters=sizes,
        filters=st.none() | st.lists(sizes, max_size=4).map(tuple),
    )
    return Plan(groups=tuple(draw(st.lists(group, max_size=3))), spares=tuple(draw(st.lists(devices, max_size=3))))


@st.composite
def valid_plans(draw: DrawFn, instance: Instance) -> Plan:
    """Feasible plans of a tiny instance; gives the example up where there is none."""
    plans = list(feasible_plans(instance))
    assume(plans)
    return draw(st.sampled_from(plans))


def plans(instance: Instance) -> SearchStrategy[Plan]:
    """Plans of every kind, most of them not valid."""
    return structured_plans(instance) | wild_plans(instance)


def full_instance_document() -> dict[str, Any]:
    """An instance document in which every field of the format stands, without matrices in other files."""
    laws = [
        {"law": "constant"},
        {"law": "shifted_exponential", "rate": 4.0},
        {"law": "lognormal", "sigma": 0.25},
        {"law": "gamma", "shape": 3.0},
        {"law": "weibull", "shape": 1.5},
        {"law": "pareto", "alpha": 2.5},
        {"law": "empirical", "values": [1.0, 1.25]},
    ]
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 2.01e8,
            "memory_bytes": 1400000,
            "uplink_bits_per_second": 250000,
            "overhead_seconds": 0.004,
            "failure_probability": 0.08,
            "failure_domain": "ap-1",
            "compute_slowdown": copy.deepcopy(law),
            "link_slowdown": copy.deepcopy(laws[-1 - n]),
            "source": "a data sheet",
        }
        for n, law in enumerate(laws)
    ]
    return {
        "format": "rocoin-opt/instance",
        "version": 1,
        "name": "full",
        "description": "every field of the format",
        "source": "made up",
        "devices": devices,
        "failure_domains": [{"id": "ap-1", "failure_probability": 0.01}],
        "students": [
            {
                "id": "wrn-16-1",
                "flops": 5.332e7,
                "flops_per_filter": 10.0,
                "memory_bytes": 700000,
                "memory_bytes_per_filter": 16,
                "max_filters": 4,
                "source": "counted",
            }
        ],
        "knowledge": {
            "num_filters": 6,
            "bits_per_filter": 32,
            "graph": {"edges": [[0, 1, 2.0], [2, 5, 0.5]]},
        },
        "requirements": {
            "min_groups": 1,
            "max_groups": 4,
            "max_group_outage": 0.05,
            "deadline_seconds": 90.0,
            "success_level": 0.9,
            "min_success": 0.5,
        },
    }


def full_plan_document() -> dict[str, Any]:
    """A plan document in which every field of the format stands."""
    return {
        "format": "rocoin-opt/plan",
        "version": 1,
        "instance": {"name": "full", "sha256": "0" * 64},
        "groups": [
            {"devices": ["d0", "d1"], "student": "wrn-16-1", "num_filters": 4, "filters": [0, 1, 2, 5]},
            {"devices": ["d2", "d3"], "student": "wrn-16-1", "num_filters": 2, "filters": [3, 4]},
        ],
        "spares": ["d4", "d5", "d6"],
        "metrics": {
            "guaranteed_seconds": 0.93,
            "nominal_seconds": 0.71,
            "worst_seconds": 0.93,
            "expected_seconds": 0.8,
            "success_probability": 0.992,
            "failure_probability": 0.008,
            "missing_share": 0.004,
            "quantile_seconds": 0.85,
            "ncut": 1.94,
        },
        "solve": {
            "method": "exact",
            "objective": "guaranteed",
            "termination": "optimal",
            "objective_value": 0.93,
            "lower_bound": 0.93,
            "gap": 0.0,
            "wall_seconds": 0.4,
            "seed": 0,
            "versions": {"rocoin-opt": "0.1.0"},
        },
    }
