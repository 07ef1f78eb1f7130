"""Parts of ``exact`` left out: a packing without its idle variables is the same packing, and a relaxation is weaker."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import listed_packing, packing
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem


@pytest.fixture
def ablation(monkeypatch, repository):
    """The script, imported as it runs."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    before = set(sys.modules)
    yield importlib.import_module("ablation")
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("ablation", "measurement", "peers", "script"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def solved():
    instance = ro.generate("edge", devices=16, seed=0)
    return instance, ro.solve(instance, "exact", latency_only=True).objective_value


@pytest.mark.parametrize("share", [1.0, 0.99])
def test_idle_variables_change_no_answer(ablation, solved, monkeypatch, share):
    instance, value = solved
    problem = ThresholdProblem(instance, "guaranteed", share * value)
    relaxation = relax(problem, Pool(), Control())
    # More of them than a packing can need: below the optimum the bound alone would leave none.
    columns = enumerate_columns(problem, relaxation, np.arange(16), 8.0, 100_000)
    assert columns
    # One integer program decides, without any branching before it.
    effort = packing.Effort(100_000, None, few=len(columns))
    with_idle, chosen = packing.pack_columns(problem, columns, Control(), effort)
    models = []

    def without(model, control, **options):
        models.append((model, ablation.without_idle(model)))
        return ablation.solve_without_idle(model, control, **options)

    monkeypatch.setattr(listed_packing, "solve_linear", without)
    status, again = packing.pack_columns(problem, columns, Control(), effort)
    assert status == with_idle == ("packed" if share == 1.0 else "impossible")
    assert sum(column.size for column in again) == sum(column.size for column in chosen)
    ((full, stripped),) = models
    numbers = len({column.size for column in columns})
    assert len(stripped.cost) == len(columns) + numbers < len(full.cost)
    assert len(stripped.rows) == len(stripped.values) == stripped.starts[-1]


def test_fewer_rows_are_a_weaker_bound(ablation, solved):
    instance, value = solved
    weaker, stronger = (
        relax(kind(instance, "guaranteed", 0.97 * value), Pool(), Control()).bound
        for kind in (ablation.TotalOnly, ThresholdProblem)
    )
    assert weaker >= stronger - 1e-6


def test_a_packing_below_the_best_value_is_a_contradiction(ablation):
    def found(what, status):
        run = {"seed": 0, "status": status, "seconds": 1.0}
        return {"instance": "i", "packings": [{"rows": "all", "what": what, "count": 1, "runs": [run]}]}

    assert ablation.faults({"results": [found("cores", "packed"), found("groups", "impossible")]}) == []
    assert ablation.faults({"results": [found("groups", "packed")]}) == ["i: groups, all: packed below the best value"]
