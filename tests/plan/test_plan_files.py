"""Plan files: they read back equal, their bytes are stable, and what they claim is checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from examples import two_pairs
from failure_plans import replica, system
from rocoin_opt.errors import InputError
from rocoin_opt.failure.claims import check_claims, write_plan
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.files import plan_schema, read_plan, read_plan_document, result_document
from rocoin_opt.plan.filters import with_filters
from rocoin_opt.plan.latency import OBJECTIVES, Objective
from rocoin_opt.plan.result import Result
from rocoin_opt.planning.solve import solve
from strategies import full_instance_document, full_plan_document, instances, valid_plans

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.plan.model import Plan

DOCUMENTED = """
{
  "format": "rocoin-opt/plan", "version": 1,
  "instance": {"name": "mcu-12", "sha256": "%s"},
  "groups": [{"devices": ["h7a3-0", "u575-4"], "student": "wrn-16-1", "num_filters": 40, "filters": [0, 3, 7]}],
  "spares": ["nrf-9"],
  "metrics": {"guaranteed_seconds": 0.93, "nominal_seconds": 0.71, "worst_seconds": 0.93, "expected_seconds": 0.80,
              "success_probability": 0.992, "ncut": 1.94},
  "solve": {"method": "exact", "objective": "guaranteed", "termination": "optimal", "objective_value": 0.93,
            "lower_bound": 0.93, "gap": 0.0, "wall_seconds": 0.4, "seed": 0,
            "versions": {"rocoin-opt": "0.1.0", "highspy": "1.15.1"}}
}
"""
"""The example of the format's documentation, with a fingerprint to be filled in."""


def result_of(instance: Instance, plan: Plan | None, objective: Objective = "guaranteed", **changes: Any) -> Result:
    metrics = None if plan is None else evaluate(instance, plan)
    value = None if metrics is None else metrics.value(objective)
    fields: dict[str, Any] = {
        "instance": instance,
        "plan": plan,
        "method": "by-hand",
        "objective": objective,
        "termination": "feasible",
        "objective_value": value,
        "lower_bound": None,
        "metrics": metrics,
        "reasons": (),
        "wall_seconds": 0.25,
        "seed": 3,
    }
    return Result(**{**fields, **changes})


def schema_accepts(document: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(plan_schema()).is_valid(document))


@given(st.data())
def test_what_is_written_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("plans")
    instance = data.draw(instances(graph=None))
    plan = data.draw(valid_plans(instance))
    if data.draw(st.booleans()):
        labels = data.draw(st.permutations([k for k, size in enumerate(plan.sizes) for _ in range(size)]))
        plan = with_filters(instance, plan, np.array(labels))
    deadline = instance.requirements.deadline_seconds
    objective = data.draw(st.sampled_from([o for o in OBJECTIVES if o != "expected" or deadline is not None]))
    result = result_of(instance, plan, objective)
    write_plan(folder / "p.json", instance, result)
    assert read_plan(folder / "p.json", instance) == plan
    document = read_plan_document(folder / "p.json")
    assert document.metrics == result.metrics
    assert check_claims(instance, document) == ()
    text = (folder / "p.json").read_text(encoding="utf-8")
    assert schema_accepts(json.loads(text))
    assert text.endswith("}\n")
    write_plan(folder / "p.json", instance, result)
    assert (folder / "p.json").read_text(encoding="utf-8") == text


@given(st.data())
def test_tampered_figures_are_refuted(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=True))
    plan = data.draw(valid_plans(instance))
    original = result_document(instance, result_of(instance, plan, lower_bound=0.0))
    section, names = data.draw(
        st.sampled_from([("metrics", list(original["metrics"])), ("solve", ["objective_value", "gap"])])
    )
    name = data.draw(st.sampled_from(names))
    old = original[section][name]
    original[section][name] = data.draw(
        st.sampled_from([0.125 if old is None else None, 1000.5 if old is None else old * (1 + 1e-6) + 1e-6])
    )
    (violation,) = check_claims(instance, _read(original))
    assert violation.rule == "claim"
    assert violation.where == f"{section}.{name}"


def _read(document: dict[str, Any]) -> Any:
    from rocoin_opt.documents import validate
    from rocoin_opt.plan.files import PlanDocument

    fields = {key: value for key, value in document.items() if key not in ("format", "version")}
    return validate(PlanDocument, fields, "p.json")


def simple() -> tuple[Instance, Plan]:
    """A small instance without random latencies, and its best plan."""
    fields = full_instance_document()
    del fields["format"], fields["version"], fields["failure_domains"]
    for n, device in enumerate(fields["devices"]):
        for name in ("failure_domain", "compute_slowdown", "link_slowdown"):
            del device[name]
        device["flops_per_second"] /= 1 + n
    fields["devices"] = fields["devices"][:5]
    instance = Instance.model_validate(fields)
    found = oracle.best(instance, "guaranteed")
    assert found is not None
    return instance, found[1]


def test_the_file_of_a_plan(tmp_path: Path) -> None:
    instance, plan = simple()
    value = evaluate(instance, plan).guaranteed_seconds
    result = result_of(instance, plan, termination="optimal", lower_bound=value)
    write_plan(tmp_path / "p.json", instance, result)
    document = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert list(document) == ["format", "version", "instance", "groups", "spares", "metrics", "solve"]
    assert document["instance"] == {"name": "full", "sha256": instance.sha256}
    assert all("filters" not in group for group in document["groups"])
    assert document["metrics"]["ncut"] is None
    assert document["solve"]["gap"] == 0.0
    assert document["solve"]["objective_value"] == value
    assert {"rocoin-opt", "highspy"} <= set(document["solve"]["versions"])


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        (("instance", "sha256"), "0" * 64, "instance.sha256"),
        (("solve", "termination"), "infeasible", "solve.termination"),
        (("solve", "termination"), "no_plan", "solve.termination"),
        (("solve", "lower_bound"), 1e6, "solve.lower_bound"),
    ],
)
def test_other_claims_are_refuted(place: tuple[str, str], value: Any, where: str) -> None:
    instance, plan = simple()
    document = result_document(instance, result_of(instance, plan))
    document[place[0]][place[1]] = value
    assert where in [violation.where for violation in check_claims(instance, _read(document))]


def test_an_optimum_is_claimed_only_where_the_gap_is_closed() -> None:
    instance, plan = simple()
    value = evaluate(instance, plan).guaranteed_seconds
    assert value is not None
    closed = result_document(instance, result_of(instance, plan, termination="optimal", lower_bound=value))
    assert check_claims(instance, _read(closed)) == ()
    for bound in (None, 0.5 * value):
        open_gap = result_document(instance, result_of(instance, plan, termination="optimal", lower_bound=bound))
        assert [v.where for v in check_claims(instance, _read(open_gap))] == ["solve.termination"]


def test_a_plan_made_by_hand_claims_nothing() -> None:
    instance, plan = simple()
    document = result_document(instance, result_of(instance, plan))
    del document["solve"], document["metrics"]
    assert schema_accepts(document)
    assert check_claims(instance, _read(document)) == ()


def test_a_plan_for_another_instance_is_refused(tmp_path: Path) -> None:
    instance, plan = simple()
    write_plan(tmp_path / "p.json", instance, result_of(instance, plan))
    other = instance.with_requirements(max_group_outage=0.5)
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "p.json", other)
    assert str(caught.value) == (
        f"{tmp_path / 'p.json'}: instance.sha256: found a plan for full ({instance.sha256[:12]}…); "
        f"allowed: a plan for full ({other.sha256[:12]}…): full has changed since, or options "
        "of solve added rules to it; give the file of solve --left, or solve again"
    )
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "p.json", instance.model_copy(update={"name": "other"}))
    assert str(caught.value).endswith("…)")


def test_without_a_plan_there_is_nothing_to_write(tmp_path: Path) -> None:
    instance, _ = simple()
    with pytest.raises(ValueError, match="no plan to write"):
        write_plan(tmp_path / "p.json", instance, result_of(instance, None, termination="infeasible"))
    assert list(tmp_path.iterdir()) == []


def test_the_documented_example_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(DOCUMENTED % ("a" * 64))
    document = read_plan_document(tmp_path / "p.json")
    assert document.plan.groups[0].filters == (0, 3, 7)
    assert document.solve is not None
    assert document.solve.objective == "guaranteed"
    assert schema_accepts(json.loads(DOCUMENTED % ("a" * 64)))


@pytest.mark.parametrize("where", ["", "instance", "groups", "metrics", "solve"])
def test_unknown_fields_are_refused_by_reader_and_schema(tmp_path: Path, where: str) -> None:
    document = full_plan_document()
    part = document[where] if where else document
    (part[0] if isinstance(part, list) else part)["colour"] = "red"
    assert not schema_accepts(document)
    (tmp_path / "p.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="colour: found an unknown field"):
        read_plan_document(tmp_path / "p.json")


def test_an_instance_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(full_instance_document()))
    with pytest.raises(InputError) as caught:
        read_plan_document(tmp_path / "p.json")
    assert str(caught.value) == (
        f'{tmp_path / "p.json"}: format: found "rocoin-opt/instance"; allowed: "rocoin-opt/plan"'
    )


def test_the_schema_is_a_valid_schema() -> None:
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["format", "version", "instance", "groups"]
    assert schema_accepts(full_plan_document())


def test_small_probabilities_are_compared_relatively() -> None:
    """Both replicas crash once in 1e12 requests, which is far below the tolerance on seconds."""
    instance, plan = system([replica(1e-6), replica(1e-6)])
    for objective, name in (("failure", "failure_probability"), ("missing", "missing_share")):
        document = result_document(instance, result_of(instance, plan, objective, lower_bound=0.0))
        assert document["solve"]["objective_value"] == pytest.approx(1e-12, rel=1e-9)
        assert check_claims(instance, _read(document)) == ()
        document["metrics"][name] *= 1 + 1e-10
        assert check_claims(instance, _read(document)) == ()
        document["metrics"][name] *= 2
        document["solve"]["objective_value"] *= 2
        wrong = [violation.where for violation in check_claims(instance, _read(document))]
        assert wrong == [f"metrics.{name}", "solve.objective_value"]


@pytest.mark.parametrize(("objective", "unit"), [("failure", ""), ("quantile", "s")])
def test_a_bound_above_the_value_is_told_in_the_unit_of_the_objective(objective: Objective, unit: str) -> None:
    instance, plan = system([replica(0.5)], success_level=0.4)
    document = result_document(instance, result_of(instance, plan, objective, lower_bound=9.0))
    (violation,) = (found for found in check_claims(instance, _read(document)) if found.where == "solve.lower_bound")
    assert violation.unit == unit


def test_a_plan_of_ones_own_is_written_with_its_figures(tmp_path):
    instance = two_pairs()
    plan = solve(instance, "greedy").plan
    write_plan(tmp_path / "p.json", instance, plan)
    document = read_plan_document(tmp_path / "p.json")
    assert document.metrics == evaluate(instance, plan)
    assert document.solve is None
    assert check_claims(instance, document) == ()
    nobody = plan.model_copy(update={"groups": (plan.groups[0].model_copy(update={"devices": ("nobody",)}),)})
    write_plan(tmp_path / "p.json", instance, nobody)
    assert read_plan_document(tmp_path / "p.json").metrics is None
