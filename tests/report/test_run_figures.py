"""What is said of a run: best values, gaps, wins, means and profiles, against numbers worked out by hand."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from rocoin_opt.documents import readable_json
from rocoin_opt.errors import InputError
from rocoin_opt.report.performance_profile import performance_profiles
from rocoin_opt.report.run_comparison import print_run_comparison, run_comparison_document
from rocoin_opt.report.run_items import RunItems, families_of
from rocoin_opt.report.run_statistics import method_figures, shifted_geometric_mean
from runs import failed, row


def small_run() -> RunItems:
    """Two families and two methods: fast proves nothing, sure proves what it finds, and one item failed."""
    return RunItems.of(
        [
            row("/set/a/one.json", "fast", 2.0, None, wall_seconds=0.5),
            row("/set/a/one.json", "sure", 1.0, 1.0, wall_seconds=3.0),
            row("/set/a/two.json", "fast", 4.0, 2.0, wall_seconds=0.5),
            row("/set/a/two.json", "sure", 4.0, 3.0, wall_seconds=3.0),
            row("/set/b/never.json", "fast", termination="no_plan", wall_seconds=0.5),
            row("/set/b/never.json", "sure", termination="infeasible", wall_seconds=3.0),
            row("/set/b/three.json", "fast", 5.0, None, wall_seconds=0.5),
            failed("/set/b/three.json", "sure"),
        ],
        "run",
    )


def figures_of(run: RunItems, family: str, method: str):
    (found,) = [entry for entry in method_figures(run) if (entry.family, entry.method) == (family, method)]
    return found


def test_counts_by_family_and_method() -> None:
    run = small_run()
    fast, sure = figures_of(run, "b", "fast"), figures_of(run, "b", "sure")
    assert (fast.items, fast.failed, fast.solved, fast.proven, fast.wins) == (2, 0, 1, 0, 1)
    assert (sure.items, sure.failed, sure.solved, sure.proven, sure.wins) == (2, 1, 1, 1, 0)
    everything = figures_of(run, "all", "sure")
    assert (everything.items, everything.failed, everything.solved, everything.proven) == (4, 1, 3, 2)


def test_gaps_are_to_the_best_bound_of_the_run_and_excesses_to_its_best_value() -> None:
    fast, sure = figures_of(small_run(), "a", "fast"), figures_of(small_run(), "a", "sure")
    # The bounds are 1 and 3, whoever proved them; the best values are 1 and 4.
    assert (fast.mean_gap, fast.worst_gap) == (pytest.approx((0.5 + 0.25) / 2), 0.5)
    assert (sure.mean_gap, sure.worst_gap) == (pytest.approx(0.125), 0.25)
    assert (fast.mean_excess, fast.worst_excess) == (0.5, 1.0)
    assert (sure.mean_excess, sure.worst_excess) == (0.0, 0.0)


def test_a_gap_without_any_bound_is_unknown() -> None:
    assert figures_of(small_run(), "b", "fast").mean_gap is None
    assert figures_of(small_run(), "b", "sure").mean_excess is None


def test_ties_are_wins_of_all() -> None:
    assert (figures_of(small_run(), "a", "fast").wins, figures_of(small_run(), "a", "sure").wins) == (1, 2)


def test_bests_are_those_of_one_instance_and_objective_over_all_seeds() -> None:
    run = RunItems.of(
        [
            row("/set/one.json", "fast", 2.0, seed=0),
            row("/set/one.json", "fast", 1.0, seed=1),
            row("/set/one.json", "fast", 0.5, objective="nominal"),
        ],
        "run",
    )
    assert run.excess.tolist() == [1.0, 0.0, 0.0]
    assert run.wins.all()
    assert [entry.objective for entry in method_figures(run)] == ["guaranteed", "nominal"]


def test_the_default_objective_comes_first_and_an_unknown_one_last() -> None:
    rows = [row("/set/one.json", "fast", 1.0, objective=name) for name in ("another", "expected", "guaranteed")]
    assert RunItems.of(rows, "run").objectives == ("guaranteed", "expected", "another")


def test_the_shifted_geometric_mean_is_its_formula() -> None:
    assert shifted_geometric_mean(np.array([0.0, 3.0]), 1.0) == pytest.approx(math.sqrt(1.0 * 4.0) - 1.0)
    assert shifted_geometric_mean(np.array([0.0, 3.0]), 2.0) == pytest.approx(math.sqrt(2.0 * 5.0) - 2.0)
    assert shifted_geometric_mean(np.array([])) is None
    # What failed has no time.
    assert figures_of(small_run(), "b", "sure").seconds == pytest.approx(3.0)
    with pytest.raises(InputError, match="--shift"):
        method_figures(small_run(), 0.0)


def test_a_family_is_a_folder_below_the_shared_one() -> None:
    assert families_of(["/x/a/1.json", "/x/a/2.json", "/x/b/c/3.json"]) == ("a", "a", "b/c")
    assert families_of(["/x/a/1.json", "/x/a/2.json"]) == ("a", "a")
    assert families_of(["/x/1.json", "/x/b/2.json"]) == ("x", "b")
    assert families_of(["/1.json"]) == ("/",)


def test_instances_that_were_no_files_are_one_family():
    hashed = [f"/run/given/{digit * 32}/instance.json" for digit in "ab"]
    assert families_of(hashed) == ("given", "given")
    assert families_of([*hashed, "/run/edge/1.json"]) == ("given", "given", "edge")
    assert families_of(["/run/given/a/1.json", "/run/given/b/1.json"]) == ("a", "b")


def test_a_run_of_one_family_has_no_second_table_for_all() -> None:
    run = RunItems.of([row("/set/one.json", "fast", 1.0)], "run")
    assert [entry.family for entry in method_figures(run)] == ["set"]


def test_a_run_without_items_is_refused() -> None:
    with pytest.raises(InputError, match="no finished items"):
        RunItems.of([], "run")


def test_a_best_value_of_zero_has_no_ratio() -> None:
    run = RunItems.of([row("/one.json", "fast", 0.0, 0.0), row("/one.json", "slow", 1.0)], "run")
    assert (run.gap.tolist(), run.excess[0]) == ([0.0, 1.0], 0.0)
    assert np.isnan(run.excess[1])
    value = performance_profiles(run)[0]
    assert (value.curves["fast"].share(1.0), value.curves["slow"].share(1e9)) == (1.0, 0.0)


def test_profiles_are_those_worked_out_by_hand() -> None:
    value, seconds = performance_profiles(small_run())
    # What is proven infeasible is no question; three are left.
    assert (value.measure, value.questions, seconds.measure) == ("value", 3, "seconds")
    fast, sure = value.curves["fast"], value.curves["sure"]
    assert (fast.ratios.tolist(), fast.shares.tolist()) == ([1.0, 2.0], pytest.approx([2 / 3, 1.0]))
    assert [sure.share(ratio) for ratio in (0.99, 1.0, 100.0)] == pytest.approx([0.0, 2 / 3, 2 / 3])
    # fast misses one by value, so that its time does not count there.
    assert seconds.curves["fast"].share(1.0) == pytest.approx(2 / 3)
    assert seconds.curves["sure"].ratios.tolist() == [1.0, 6.0]
    assert seconds.curves["sure"].shares == pytest.approx([1 / 3, 2 / 3])


def test_short_times_count_as_equal() -> None:
    rows = [row("/one.json", "a", 1.0, wall_seconds=0.001), row("/one.json", "b", 1.0, wall_seconds=0.009)]
    _, seconds = performance_profiles(RunItems.of(rows, "run"))
    assert seconds.curves["b"].share(1.0) == 1.0


def test_a_method_that_was_not_asked_does_not_answer() -> None:
    rows = [row("/one.json", "a", 1.0), row("/two.json", "a", 1.0), row("/two.json", "b", 1.0)]
    value, _ = performance_profiles(RunItems.of(rows, "run"))
    assert (value.curves["a"].share(1.0), value.curves["b"].share(1.0)) == (1.0, 0.5)


def test_a_file_that_was_moved_is_still_the_same_question() -> None:
    old, new = row("/a/one.json", "a", 1.0), row("/b/one.json", "b", 2.0)
    run = RunItems.of([old, replace(new, fingerprint=old.fingerprint)], "run")
    assert run.wins.tolist() == [True, False]
    assert performance_profiles(run)[0].questions == 1


def test_contradictions_are_told() -> None:
    run = RunItems.of(
        [
            row("/one.json", "liar", 3.0, 2.0),
            row("/one.json", "honest", 1.0, 0.5),
            row("/two.json", "denier", termination="infeasible"),
            row("/two.json", "finder", 1.0),
        ],
        "run",
    )
    crossed, denied = run.conflicts()
    assert "one, liar, guaranteed proved that nothing is below 2 s, and another item found 1 s" in crossed
    assert "two, denier, guaranteed proved that there is no plan" in denied
    assert small_run().conflicts() == ()


def test_a_contradiction_has_the_unit_of_the_objective() -> None:
    rows = [
        row("/one.json", "liar", 2e-12, 2e-12, objective="failure"),
        row("/one.json", "b", 1e-12, objective="failure"),
    ]
    (told,) = RunItems.of(rows, "run").conflicts()
    assert told == "one, liar, failure proved that nothing is below 2e-12, and another item found 1e-12"


def shown(run: RunItems, width: int = 160) -> str:
    stream = io.StringIO()
    print_run_comparison(run, Console(file=stream, width=width, highlight=False))
    return stream.getvalue()


def test_the_terminal_shows_figures_profiles_and_definitions() -> None:
    text = shown(small_run())
    assert "objective guaranteed" in text
    assert "37.50 %" in text
    assert "profile by value" in text
    assert "66.67 %" in text
    assert "shifted by 1 s" in text
    assert "contradict" not in text


def test_the_terminal_shows_contradictions_the_first_of_many() -> None:
    rows = [row(f"/{n}.json", "denier", termination="infeasible") for n in range(25)]
    rows += [row(f"/{n}.json", "finder", 1.0) for n in range(25)]
    text = shown(RunItems.of(rows, "run"))
    assert "contradict each other" in text
    assert "and 5 more" in text


def test_names_from_files_are_no_markup() -> None:
    text = shown(RunItems.of([row("/[bold]x/one.json", "[red]m", 1.0), row("/y/two.json", "m\x1b[2J", 1.0)], "run"))
    assert "[bold]x" in text
    assert "[red]m" in text
    assert "\x1b[2J" not in text


def test_the_document_is_json_with_whole_profiles() -> None:
    document = run_comparison_document(small_run(), 2.0)
    assert readable_json(document)
    assert (document["format"], document["items"], document["shift_seconds"]) == ("rocoin-opt/comparison", 8, 2.0)
    value = document["profiles"][0]
    assert value["curves"]["fast"] == {"ratios": [1.0, 2.0], "shares": pytest.approx([2 / 3, 1.0])}
    assert len(document["figures"]) == 6
