"""What is preferred at equal latency: asked for in the API, on the command line and in runs; said, and not believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rocoin_opt as ro
from examples import pairs, two_pairs
from rocoin_opt.exact.lexicographic.least_failure import work_of
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES
from samples import cases
from spares import with_spares_added

FOLDER = Path(__file__).resolve().parents[2] / "instances"
# What comes behind a latency with channels, of seed 20, is a search without a promise.
SHIPPED = sorted(
    path for path in FOLDER.glob("*/*.json") if path.parent.name != "infeasible" and not path.stem.endswith("-20")
)
# Those of constant latency: to look for the words is quicker than to read the instances.
PATHS = [path for path in SHIPPED if not path.name.endswith(".plan.json") and "_slowdown" not in path.read_text()]
DEVICES = {path: int(path.stem.split("-")[1]) for path in PATHS}


def edge():
    """Eight devices, some of which the limit does not need at the least latency."""
    return ro.generate("edge", devices=8, seed=0)


def figures(result):
    """Latency, failure probability and work of a result."""
    return result.objective_value, result.metrics.failure_probability, work_of(result.instance, result.plan)


@pytest.mark.parametrize(
    ("method", "objective", "is_small"),
    cases([("exact", "guaranteed", True)], [("auto", "worst", False), ("exact", "nominal", False)]),
)
def test_either_preference_keeps_the_latency_and_is_best_in_its_own(method, objective, is_small):
    instance = edge() if is_small else ro.read_instance(FOLDER / "edge" / "edge-12-1.json")
    reliable = figures(ro.solve(instance, method, objective))
    assert reliable == figures(ro.solve(instance, method, objective, prefer="reliability"))
    frugal = figures(ro.solve(instance, method, objective, prefer="work"))
    assert reliable[0] == frugal[0]
    assert reliable[1] < frugal[1]
    assert reliable[2] > frugal[2]


def test_an_unknown_preference_is_refused_everywhere(run, tmp_path):
    with pytest.raises(ro.InputError, match="prefer: found 'speed'; allowed: one of reliability, work, energy"):
        ro.solve(pairs(), prefer="speed")
    with pytest.raises(ro.InputError, match="prefer"):
        list(ro.solve_many([pairs()], ["exact"], prefer="speed"))
    ro.write_instance(tmp_path / "pairs.json", pairs())
    for command in (["solve"], ["batch", "--out", tmp_path / "run"]):
        status, out, err = run(*command, tmp_path / "pairs.json", "--prefer", "speed")
        assert (status, out) == (2, "")
        assert "prefer: found 'speed'; allowed: one of reliability, work, energy" in err


def test_the_command_line_hands_it_to_the_search(run, tmp_path):
    ro.write_instance(tmp_path / "edge.json", ro.generate("edge", devices=8, seed=0))

    def failure(*options):
        document = json.loads(run("solve", tmp_path / "edge.json", "--json", *options)[1])
        return document["metrics"]["failure_probability"]

    assert failure() == failure("--prefer", "reliability") < failure("--prefer", "work")


@pytest.mark.slow
def test_runs_hand_it_to_the_search_and_keep_their_items_apart(tmp_path):
    def done(prefer):
        (item,) = ro.solve_many([edge()], ["exact"], prefer=prefer, out=tmp_path)
        return item, ro.solve(edge(), "exact", prefer=prefer)

    (first, reliable), (second, frugal) = done("reliability"), done("work")
    assert first.plan == reliable.plan
    assert second.plan == frugal.plan != reliable.plan


def test_what_idle_devices_gain_is_held_and_said():
    result = ro.solve(edge(), "exact")
    gain, frugal = result.reinforcement, ro.solve(edge(), "exact", prefer="work")
    assert 0 < gain.devices < sum(len(group.devices) for group in result.plan.groups)
    assert result.metrics.failure_probability < gain.failure_without < 1.0
    assert gain.lower_bound == pytest.approx(result.metrics.failure_probability, rel=1e-9)
    assert gain.lower_bound <= result.metrics.failure_probability
    line = (
        f"  {gain.devices} devices beyond what the outage limit needs: failure {gain.failure_without:.3g} without them"
    )
    assert f"{line}; proven least at this latency\n" in result.summary()
    assert frugal.reinforcement is None
    assert "beyond what the outage limit needs" not in frugal.summary()


def test_where_every_replica_is_needed_that_is_said():
    result = ro.solve(two_pairs(), "exact")
    assert (result.reinforcement.devices, result.plan.spares) == (0, ())
    assert "  every replica is needed for the outage limit; proven least at this latency\n" in result.summary()


@pytest.mark.parametrize("options", [{"latency_only": True}, {"method": "greedy"}])
def test_nothing_is_said_where_nothing_was_sought(options):
    assert ro.solve(edge(), **options).reinforcement is None


@pytest.mark.slow
def test_nothing_is_weighed_behind_latency_under_laws():
    assert ro.solve(ro.generate("edge", devices=6, slowdowns=True, seed=1)).reinforcement is None


def test_where_the_time_is_up_no_replica_is_called_needed():
    instance = ro.generate("edge", devices=8, seed=0)
    start = ro.solve(instance, "exact").plan
    result = ro.solve(instance, "exact", start=start, time_limit=0)
    assert result.plan == start
    assert result.reinforcement is None
    assert "every replica is needed" not in result.summary()


def test_where_the_time_is_up_idle_devices_join_however_long_it_takes_to_begin(monkeypatch):
    instance = ro.generate("edge", devices=20, seed=0)
    start = ro.solve(instance, "greedy", latency_only=True).plan
    assert start.spares
    # As with thousands of devices: longer than what is left for the joining itself.
    pairs = len(instance.devices) * len(start.groups)
    monkeypatch.setattr("rocoin_opt.heuristics.failure_descent.STATE", 0.25 / pairs)
    result = ro.solve(instance, "exact", start=start, time_limit=0)
    assert len(result.plan.spares) < len(start.spares)
    assert result.metrics.failure_probability < ro.evaluate(instance, start).failure_probability


def own(plan, **more):
    """A method that returns one plan, and does more behind latency."""
    return ro.Method("mine", lambda *_: ro.Outcome(plan), THRESHOLD_OBJECTIVES, "a plan by hand", **more)


def one_pair(instance):
    """All filters on one pair of devices."""
    return ro.Plan.of(instance, [ro.Group(devices=("d0", "d1"), student="s", num_filters=4)])


def everybody(instance):
    """All filters on all four devices: as early as on two, and surer."""
    return ro.Plan.of(instance, [ro.Group(devices=("d0", "d1", "d2", "d3"), student="s", num_filters=4)])


def test_a_method_of_ones_own_with_break_ties_alone_goes_on_by_that_whatever_is_preferred():
    instance, calls = two_pairs(), []

    def break_ties(instance, objective, plan, control, criterion):
        calls.append((objective, criterion))
        return everybody(instance)

    for prefer in ("reliability", "work"):
        result = ro.solve(instance, own(one_pair(instance), break_ties=break_ties), prefer=prefer)
        assert (result.plan, result.reinforcement) == (everybody(instance), None)
    assert calls == [("guaranteed", "ncut")] * 2


def test_a_method_of_ones_own_with_reinforce_is_asked_where_reliability_is_preferred():
    instance = two_pairs()

    def reinforce(instance, objective, plan, control, criterion):
        return ro.Outcome(everybody(instance), 5e-5)

    mine = own(one_pair(instance), reinforce=reinforce)
    result = ro.solve(instance, mine)
    assert result.plan == everybody(instance)
    assert (result.reinforcement.devices, result.reinforcement.lower_bound) == (2, 5e-5)
    assert result.reinforcement.failure_without == pytest.approx(0.01)
    assert "  2 devices beyond what the outage limit needs: failure 0.01 without them; gap 50 %\n" in result.summary()
    # The bound is one on the failure probability, and none on the latency.
    assert result.lower_bound is None or result.lower_bound > 1.0
    assert ro.solve(instance, mine, prefer="work").plan == one_pair(instance)


def test_a_search_that_was_stopped_has_the_bound_that_it_came_to():
    instance = two_pairs()

    def reinforce(instance, objective, plan, control, criterion):
        control.stop.set()
        return ro.Outcome(everybody(instance), 5e-5)

    gain = ro.solve(instance, own(one_pair(instance), reinforce=reinforce)).reinforcement
    assert (gain.devices, gain.lower_bound) == (2, 5e-5)


def test_what_the_devices_gain_depends_on_no_clock_without_a_limit(monkeypatch):
    monkeypatch.setattr("rocoin_opt.planning.behind_latency.SHORT_MOMENT", 0.0)
    assert ro.solve(edge(), "exact").reinforcement.devices > 0


def test_a_bound_is_none_where_the_method_has_none():
    instance = two_pairs()
    mine = own(one_pair(instance), reinforce=lambda *_: ro.Outcome(everybody(instance)))
    result = ro.solve(instance, mine)
    assert result.reinforcement.lower_bound is None
    assert "  2 devices beyond what the outage limit needs: failure 0.01 without them\n" in result.summary()


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (lambda i: ro.Outcome(everybody(i), 0.5), r"mine returned the bound [\d.]+ above the value"),
        (lambda i: ro.Outcome(ro.Plan.of(i, everybody(i).groups[:0])), "mine returned an invalid plan"),
        (lambda i: ro.Outcome(one_pair(i), 0.011), r"mine returned the bound [\d.]+ above the value"),
    ],
    ids=["bound", "invalid", "bound of the same plan"],
)
def test_what_reinforce_returns_is_not_believed(outcome, message):
    instance = two_pairs()
    with pytest.raises(ro.CertificateError, match=message):
        ro.solve(instance, own(one_pair(instance), reinforce=lambda *_: outcome(instance)))


def test_latency_is_not_given_up_for_reliability():
    instance = two_pairs()
    halves = [ro.Group(devices=names, student="s", num_filters=2) for names in (("d0", "d1"), ("d2", "d3"))]
    mine = own(ro.Plan.of(instance, halves), reinforce=lambda *_: ro.Outcome(everybody(instance)))
    with pytest.raises(ro.CertificateError, match="mine gave up latency"):
        ro.solve(instance, mine)


LONG = (
    "lossy-12-10",
    "edge-12-10",
    "edge-12-1",
    "mcu-12-10",
    "sbc-8-0",
    "sbc-12-1",
    "mcu-12-0",
    "paper-8-0",
    "paper-8-1",
    "paper-8-2",
    "paper-12-10",
    "sbc-12-0",
    "sbc-12-10",
)
QUICK = [path for path, count in DEVICES.items() if count <= 12 and path.stem not in LONG]


def assert_no_worse_than_by_hand(path):
    """The default plan answers as early as that of least work, and no more rarely than with its spares added."""
    instance = ro.read_instance(path)
    frugal, result = ro.solve(instance, prefer="work"), ro.solve(instance)
    assert result.objective_value == frugal.objective_value
    by_hand = ro.evaluate(instance, with_spares_added(instance, frugal.plan, "guaranteed"))
    assert result.metrics.failure_probability <= by_hand.failure_probability * (1 + 1e-12)
    if result.metrics.ncut is not None:
        assert result.metrics.ncut <= frugal.metrics.ncut * (1 + 1e-12)


@pytest.mark.usefixtures("few_refinements")
@pytest.mark.parametrize(
    "path",
    cases(QUICK[::3], [*QUICK, *(path for path in DEVICES if path.stem in LONG[::2])]),
    ids=lambda path: path.stem,
)
def test_shipped_instances_answer_as_often_as_with_spares_added_by_hand(path):
    assert_no_worse_than_by_hand(path)


@pytest.mark.slow
@pytest.mark.usefixtures("few_refinements")
@pytest.mark.parametrize(
    "path",
    [path for path in DEVICES if path.stem in ("edge-16-0", "lossy-16-0")],
    ids=lambda path: path.stem,
)
def test_larger_shipped_instances_answer_as_often_as_with_spares_added_by_hand(path):
    assert_no_worse_than_by_hand(path)
