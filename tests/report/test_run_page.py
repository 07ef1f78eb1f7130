"""The page of a run: every item counted, some instances in detail, and what cannot be shown said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import rocoin_opt as ro
from rocoin_opt.batch.store import Store
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.report.page.run_page import MAX_SHOWN, run_report
from rocoin_opt.report.page.run_pictures import EARLIEST, flat_words, is_flat, profile_picture, trace_picture
from rocoin_opt.report.page.run_tables import MAX_ROWS, items_table
from rocoin_opt.report.performance_profile import performance_profiles
from rocoin_opt.report.run_items import RunItems
from runs import failed, row, solved, stored, two_points


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over two families, one of them with filter graphs."""
    folder = tmp_path_factory.mktemp("set")
    rows = []
    for family, seeds in (("mcu", (0, 1)), ("paper", (0,))):
        (folder / family).mkdir()
        for seed in seeds:
            path = folder / family / f"{family}-{seed}.json"
            ro.write_instance(path, ro.generate(family, devices=8, seed=seed, graph=family == "mcu"))
            rows += [timed(found, 0.5 + number) for number, found in enumerate(solved(path, ("greedy", "random")))]
    rows.append(failed(str(folder / "mcu" / "broken.json"), "greedy", "memory <limit>"))
    return stored(folder / "run", rows)


def timed(found, seconds: float):
    """The item as if its search had taken some time, and had halved its value in it."""
    value = found.objective_value
    trace = () if value is None else ((0.1, 2.0 * value, None), (seconds, value, found.lower_bound))
    return replace(found, wall_seconds=seconds, trace=trace)


def page_of(folder, **options) -> str:
    with Store.open(folder) as store:
        return run_report(store, **options)


def test_the_page_tells_figures_profiles_and_close_ups(run) -> None:
    page = page_of(run)
    assert "4 instances of 2 families; greedy, random; guaranteed" in page
    for title in ("Profile by value", "Value and bound over time", "When the answer comes"):
        assert title in page
    # Of the two, only greedy is good enough to be compared by time.
    assert "No search with a plan within 1 % of the best was slower" in page
    shown = re.findall(r"<h2>In detail: (.*)</h2>", page)
    # The first with a plan of each family.
    assert len(shown) == 2
    assert page.count("Its best plan: greedy") == 2
    assert page.count("What the parts keep together") == 1
    assert "memory &lt;limit&gt;" in page
    names = re.findall(r'\bid="([^"]+)"', page)
    assert names
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_the_page_is_the_same_every_time(run) -> None:
    assert page_of(run) == page_of(run)


@pytest.mark.slow
def test_instances_are_shown_by_name(run) -> None:
    with Store.open(run) as store:
        names = sorted({found.instance for found in store.rows() if found.failure is None})
    page = page_of(run, shown=names[1:2])
    assert re.findall(r"<h2>In detail: (.*)</h2>", page) == names[1:2]
    assert "In detail" not in page_of(run, shown=[])
    with pytest.raises(InputError, match="--show"):
        page_of(run, shown=["nobody"])


@pytest.mark.usefixtures("unrendered")
def test_an_instance_without_a_plan_is_said(run) -> None:
    page = page_of(run, shown=["broken"])
    assert "Its plans cannot be shown: " in page
    assert "no such file" in page


@pytest.mark.usefixtures("unrendered")
def test_a_method_that_found_no_plan_leaves_nothing_to_draw(tmp_path) -> None:
    path = tmp_path / "one.json"
    ro.write_instance(path, ro.generate("mcu", devices=8, seed=0).with_requirements(max_group_outage=0.0))
    page = page_of(stored(tmp_path / "run", solved(path, ("greedy",))), shown=None)
    # Nothing to show by itself: no family has a plan.
    assert "In detail" not in page
    name = ro.read_instance(path).name
    assert "No method found a plan." in page_of(tmp_path / "run", shown=[name])


@pytest.mark.usefixtures("unrendered")
def test_a_file_that_has_changed_is_not_shown_with_old_plans(tmp_path) -> None:
    path = tmp_path / "one.json"
    instance = ro.generate("mcu", devices=8, seed=0)
    ro.write_instance(path, instance)
    (found,) = solved(path, ("greedy",))
    at_once = ((0.1, found.objective_value, found.lower_bound),)
    folder = stored(tmp_path / "run", [replace(found, trace=at_once)])
    ro.write_instance(path, instance.with_requirements(max_group_outage=0.5))
    page = page_of(folder)
    assert "content that has changed since the run" in page
    assert "Its best plan" not in page
    assert "Value and bound over time" not in page
    assert "No search improved on its first plan or bound" in page


@pytest.mark.usefixtures("unrendered")
def test_a_distribution_that_there_is_not_is_said(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UnsupportedError("too many domains")

    monkeypatch.setattr("rocoin_opt.report.page.run_page.latency_picture", refuse)
    assert "There is no exact distribution to draw: too many domains." in page_of(run)


@pytest.mark.slow
def test_frontiers_are_drawn_where_there_is_a_graph(run) -> None:
    asked = []

    def search(instance, objective):
        asked.append(objective)
        return two_points(instance, objective)

    assert "What a better partition costs" in page_of(run, frontier_of=search)
    assert asked == ["guaranteed"]

    def refuse(instance, objective):
        raise UnsupportedError("no frontier of that")

    assert "no frontier of that" in page_of(run, frontier_of=refuse)


@pytest.mark.usefixtures("unrendered")
def test_contradictions_are_told_first(tmp_path) -> None:
    rows = [row("/x/one.json", "liar", 3.0, 2.0), row("/x/one.json", "honest", 1.0, 0.5)]
    page = page_of(stored(tmp_path / "run", rows), shown=[])
    assert page.index("contradict each other") < page.index("Methods, objective")


@pytest.mark.usefixtures("unrendered")
def test_some_families_at_most_are_shown_from_close_by(tmp_path) -> None:
    rows = [row(f"/x/{family}/one.json", "greedy", 1.0) for family in range(MAX_SHOWN + 2)]
    assert page_of(stored(tmp_path / "run", rows)).count("In detail: ") == MAX_SHOWN


def test_of_very_many_items_the_worst_are_shown() -> None:
    rows = [row(f"/x/{n}.json", "greedy", 2.0, 1.0 + n / 1e5) for n in range(MAX_ROWS + 50)]
    rows += [failed("/x/failed.json", "greedy"), row("/x/without.json", "greedy")]
    table = items_table(RunItems.of(rows, "run"), "run/results.csv")
    assert len(table.rows) == MAX_ROWS
    assert [cells[0].text for cells in table.rows[:3]] == ["failed", "without", "0"]
    assert "52 are left out here; all of them are in run/results.csv" in table.note


def test_of_few_items_all_are_shown_in_order() -> None:
    rows = [row("/x/b.json", "greedy", 2.0), failed("/x/a.json", "greedy")]
    table = items_table(RunItems.of(rows, "run"), "run/results.csv")
    assert [cells[0].text for cells in table.rows] == ["b", "a"]
    assert [cells[5].text for cells in table.rows] == ["feasible", "failed"]
    assert table.note == ""


@pytest.mark.parametrize(("ratio", "ticks"), [(1.2, {"1.05", "1.15"}), (20.0, {"1", "5", "20"}), (1e7, {"1", "1000"})])
def test_profiles_take_the_axis_that_suits(ratio, ticks) -> None:
    rows = [row("/one.json", "a", 1.0), row("/one.json", "b", ratio)]
    profile, _ = performance_profiles(RunItems.of(rows, "run"))
    assert ticks <= set(re.findall(r">([\d.]+)</text>", profile_picture(profile, "x").svg))


def test_a_profile_that_nobody_answers_can_be_drawn() -> None:
    profile, _ = performance_profiles(RunItems.of([row("/one.json", "a")], "run"))
    assert "problems: 1." in profile_picture(profile, "x").caption


def test_a_profile_without_any_rise_is_told_and_not_drawn(tmp_path) -> None:
    rows = [row("/one.json", name, 1.0, wall_seconds=seconds) for name, seconds in (("a", 0.001), ("b", 0.002))]
    rows.append(row("/two.json", "a", 1.0, wall_seconds=0.001))
    by_value, by_time = performance_profiles(RunItems.of(rows, "run"))
    assert is_flat(by_value)
    assert is_flat(by_time)
    assert flat_words(by_value).endswith("the methods found one for this share of them: a 100 %, b 50 %.")
    assert "times below 10 ms counting as equal" in flat_words(by_time)
    slower = [*rows, row("/two.json", "b", 1.1, wall_seconds=2.0)]
    by_value, by_time = performance_profiles(RunItems.of(slower, "run"))
    assert not is_flat(by_value)
    assert is_flat(by_time)
    page = page_of(stored(tmp_path / "run", slower))
    assert "Profile by value" in page
    assert "Profile by time" not in page
    assert flat_words(by_time) in page


@pytest.mark.slow
def test_traces_take_the_axes_that_suit() -> None:
    def ticks(*trace: tuple[float, float | None, float | None]) -> set[str]:
        picture = trace_picture([("a", trace)], "x", "guaranteed")
        assert "objective value in seconds" in picture.svg
        return set(re.findall(r">([\d.]+)</text>", picture.svg))

    assert {"0.0", "1.0", "2.0"} <= ticks((1.0, 2.0, None), (2.0, 1.0, 1.0))
    assert {"0.1", "1", "10"} <= ticks((0.05, 2.0, None), (20.0, 1.0, 1.0))
    # Values far apart, and a search that took no time.
    assert {"1", "10"} <= ticks((0.0, 20.0, None), (EARLIEST / 2, 1.0, None))
    # An objective of zero.
    assert ticks((1.0, 5.0, 0.0), (2.0, 0.0, 0.0))
    failures = trace_picture([("a", ((1.0, 0.25, 0.1), (2.0, 0.2, 0.1)))], "x", "failure")
    assert failures is not None
    assert "objective value in seconds" not in failures.svg
    assert "logarithmic" not in failures.svg
    assert (
        trace_picture([("a", ((0.05, 2.0, None), (20.0, 1.0, 1.0)))], "x", "guaranteed").svg.count("logarithmic") == 1
    )
    assert trace_picture([("a", ((1.0, None, None),))], "x", "guaranteed") is None
    # Dots would show no course.
    assert trace_picture([("a", ((1.0, 5.0, 5.0),)), ("b", ((2.0, 6.0, 5.0),))], "x", "guaranteed") is None
    assert trace_picture([("a", ())], "x", "guaranteed") is None


@pytest.mark.usefixtures("unrendered")
def test_values_of_a_run_have_the_unit_of_their_objective(tmp_path) -> None:
    path = tmp_path / "one.json"
    ro.write_instance(path, ro.generate("mcu", devices=8, seed=0))
    (solution,) = solved(path, ("rocoin",), "failure")
    found = replace(solution, lower_bound=0.002)
    value = f"{found.objective_value:.4g}"
    page = page_of(stored(tmp_path / "run", [found]))
    assert f"Its best plan: rocoin, {value}</h2>" in page
    assert f"{value} s<" not in page
    table = items_table(RunItems.of([found, row("/set/b/x.json", "greedy", 2.0, 1.0, objective="quantile")], "run"), "")
    assert [(cells[6].text, cells[7].text) for cells in table.rows] == [(value, "0.002"), ("2 s", "1 s")]
