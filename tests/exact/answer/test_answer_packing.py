"""The search for the cheapest packing of listed sets: as brute force over all packings has it, compiled or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packings import cheapest, packing_problems
from rocoin_opt.control import Control
from rocoin_opt.exact.answer import packing
from rocoin_opt.exact.answer.packing import cheapest_packing
from rocoin_opt.exact.answer.relaxation import relax_packing
from samples import trials


def searched(problem, limit, control=None, **options):
    """What the search finds below a limit, after the relaxation."""
    sets, costs, wanted, unit = problem
    reduced = relax_packing(sets, costs, wanted, sets.reach.counted.shape[0], Control())
    return cheapest_packing(sets, costs, reduced, wanted, limit, control or Control(), unit=unit, **options)


def forbidden():
    raise AssertionError("this was not to be compiled")


@given(packing_problems(), st.sampled_from([math.inf, 3.0, 1.0, 0.3]))
@trials(150)
def test_the_search_finds_the_cheapest_packing(problem, limit):
    best, found = cheapest(problem), searched(problem, limit)
    assert found.finished
    if best >= limit:
        assert found.rows == ()
        assert found.cost == math.inf
        return
    assert found.cost == pytest.approx(best, rel=1e-12)
    sets, _, wanted, _ = problem
    chosen = sets.masks[list(found.rows)].tolist()
    assert sum(chosen) == np.bitwise_or.reduce(chosen)
    assert wanted.fewest <= len(chosen) <= min(wanted.most, wanted.filters)
    assert sets.largest[list(found.rows)].sum() >= wanted.filters


@pytest.mark.slow
def test_the_compiled_search_finds_the_same(monkeypatch):
    pytest.importorskip("numba")
    seen = []

    @given(packing_problems())
    @trials(60, database=None)
    def same(problem):
        plain = searched(problem, math.inf)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "MIN_COMPILED_SETS", 0)
            compiled = searched(problem, math.inf)
        assert (compiled.rows, compiled.finished) == (plain.rows, plain.finished)
        assert compiled.cost == pytest.approx(plain.cost, rel=1e-12)
        seen.append(compiled.rows)

    same()
    assert any(seen)
    # Without Numba the plain search does it all.
    monkeypatch.setattr(packing, "_has_numba", lambda: False)
    monkeypatch.setattr(packing, "_compiled", forbidden)
    monkeypatch.setattr(packing, "MIN_COMPILED_SETS", 0)
    test_the_search_finds_the_cheapest_packing()


@given(packing_problems())
@trials(40)
def test_small_efforts_between_two_looks_at_the_clock_change_nothing(problem):
    whole = searched(problem, math.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "EFFORT_A_CALL", packing.SLOWER)
        steps = searched(problem, math.inf)
    assert (steps.finished, steps.cost) == (True, whole.cost)


@given(packing_problems())
@trials(20)
def test_a_search_without_time_has_proven_nothing(problem):
    found = searched(problem, math.inf, Control(deadline=-math.inf))
    assert found.rows == ()
    # Only where prices leave no set at all is the proof there before the search.
    assert not found.finished or cheapest(problem) == math.inf


@given(packing_problems())
@trials(20)
def test_the_clock_is_asked_between_any_two_calls(problem):
    """Ctrl-C and SIGTERM are heard then: no call may look at more sets than the first one did."""
    efforts = []

    def one_call(*arguments):
        efforts.append(arguments[-1])
        return plain(*arguments)

    plain = packing.search
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "EFFORT_A_CALL", 3 * packing.SLOWER)
        patch.setattr(packing, "search", one_call)
        searched(problem, math.inf)
    assert set(efforts) <= {3}
