"""The summary: says what was asked, what it is worth, and what binds."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

import rocoin_opt as ro
from examples import pairs, two_pairs
from rocoin_opt.plan.latency import group_timings
from rocoin_opt.plan.phases import Phase
from rocoin_opt.plan.result import print_summary
from rocoin_opt.plan.summary import idle_lines
from rocoin_opt.plan.terminal import plain_table
from rocoin_opt.wording import seconds


def test_a_summary_names_groups_replicas_and_what_binds():
    text = ro.solve(two_pairs(), "milp").summary()
    assert "two pairs: 4 devices, 1 student, 4 filters" in text
    assert "guaranteed latency 5 s, lower bound 5 s, gap 0 %" in text
    assert "milp, guaranteed: latency proven optimal\n" in text
    assert "d0:5, d1:5" in text
    assert "2 of 9" in text
    assert "compute 3 s, link 2 s, overhead 0 s" in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_summary_is_text_within_jupyter_too(monkeypatch):
    plain = ro.solve(two_pairs(), "greedy")
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "two pairs: 4 devices" in plain.summary()


def test_every_objective_names_its_replica():
    instance = pairs()
    for objective in ("guaranteed", "nominal", "worst"):
        result = ro.solve(instance, "auto", objective)
        assert "binding: group" in result.summary()
    assert "binding" not in ro.solve(instance, "greedy", "expected").summary()


def test_a_full_part_and_the_outage_are_told():
    text = ro.solve(pairs(students=[{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 3}]), "auto").summary()
    assert "its part is as large as s can learn (3 filters)" in text
    assert "its outage is 0.01 of the 0.02 allowed" in text


def test_without_a_plan_the_reasons_are_told():
    text = ro.solve(pairs(requirements={"max_group_outage": 1e-9})).summary()
    assert "infeasible: there is no plan" in text
    assert "reliability: all 4 devices" in text
    assert "lower bound" not in text
    assert "gap" not in text


def test_without_a_plan_the_bound_is_told():
    text = ro.solve(two_pairs(), "nonn").summary()
    assert "no plan found; one may exist" in text
    assert "  guaranteed latency at least 5 s; " in text


def test_a_guarantee_beyond_the_deadline_is_told():
    def late(deadline, **options):
        return ro.solve(two_pairs().with_requirements(deadline_seconds=deadline), "exact", **options).summary()

    assert "beyond the deadline of 4 s: no plan keeps the outage limit by then" in late(4.0)
    # The bound is on another figure then, and says nothing of the guarantee.
    assert "beyond the deadline of 4 s\n" in late(4.0, objective="expected")
    assert "deadline" not in late(5.0)


def test_a_cut_is_told_and_names_are_no_markup():
    instance = ro.generate("paper", seed=0, graph=True)
    odd = instance.model_copy(update={"name": "[bold]odd[/bold]"})
    text = ro.solve(odd, "greedy").summary()
    assert "[bold]odd[/bold]: 8 devices" in text
    assert "normalised cut" in text
    assert "with any one group lost, each class keeps at least 0." in text
    knowledge = instance.knowledge.model_copy(update={"class_affinity": None})
    assert "each class" not in ro.solve(instance.model_copy(update={"knowledge": knowledge}), "greedy").summary()


def test_many_spares_are_counted():
    instance = ro.generate("edge", devices=60, seed=1, max_groups=3)
    assert "more" in ro.solve(instance, "greedy").summary().split("spares:")[1]


def test_figures_of_the_whole_answer_come_first():
    # Each of the two groups is silent when both of its devices crash: in one of a hundred requests.
    lines = ro.solve(two_pairs().with_requirements(success_level=0.98), "greedy").summary().splitlines()
    assert lines[2:5] == [
        "  an answer with probability 0.9801 (failure 0.0199)",
        "  expected share missing 0.01",
        "  an answer with probability 0.98: by 5 s",
    ]
    assert lines[5].startswith("  guaranteed latency 5 s, lower bound ")
    assert lines[6].startswith("  guaranteed 5 s, nominal 5 s")
    never = ro.solve(two_pairs().with_requirements(success_level=0.9999999), "greedy").summary()
    free = ro.solve(two_pairs().with_requirements(max_group_outage=1.0), "greedy").summary()
    assert ", outage limit 1 a group (100 %: no limit)\n" in free
    no_limit = " (success_level is no limit; min_success would be)\n"
    assert f"  an answer with probability 0.9999999: never{no_limit}" in never
    late = two_pairs().with_requirements(success_level=0.98, deadline_seconds=4.5)
    assert f"  an answer with probability 0.98: by 5 s{no_limit}" in ro.solve(late, "greedy").summary()
    assert "an answer within 20 s with probability" in ro.solve(pairs(), "greedy").summary()


def test_a_failure_has_all_of_its_digits():
    devices = [
        {"id": f"d{n}", "flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
        | {"failure_probability": 1e-6}
        for n in range(4)
    ]
    limits = {"min_groups": 2, "max_groups": 2, "max_group_outage": 1e-12}
    text = ro.solve(pairs(devices=devices, requirements=limits), "greedy").summary()
    assert "with probability 0.9999999999980 (failure 2e-12)" in text


@pytest.mark.parametrize(
    ("objective", "bound", "told"),
    [
        ("failure", 0.01, "  failure probability 0.0199, lower bound 0.01, gap 49.7 %;"),
        ("missing", 0.0075, "  missing share of the answer 0.01, lower bound 0.0075, gap 25 %;"),
        ("quantile", 4.0, "  quantile of the answer time 5 s, lower bound 4 s, gap 20 %;"),
    ],
)
def test_a_value_has_the_unit_of_its_objective(objective, bound, told):
    found = ro.solve(two_pairs().with_requirements(success_level=0.98), "rocoin", objective)
    result = replace(found, lower_bound=bound, termination="feasible")
    assert told in result.summary()
    assert "binding" not in result.summary()


def test_a_bound_without_a_plan_has_the_unit_too():
    result = replace(ro.solve(two_pairs(), "nonn", "failure"), lower_bound=0.01)
    assert "  failure probability at least 0.01; " in result.summary()


def test_failure_domains_and_rules_stand_in_the_first_line():
    fleet = ro.generate("mcu", devices=12, seed=10, domains=3)
    first, second = (device.id for device in fleet.devices[:2])
    ruled = fleet.with_rules(ro.Rule(apart=(first, second)), ro.Rule(spread=2))
    plain, told = (" ".join(ro.solve(given, "greedy").summary().split()) for given in (fleet, ruled))
    assert "outage limit 0.02 a group, 3 failure domains greedy" in plain
    assert "3 failure domains, 2 rules (apart 2 devices; spread 2) greedy" in told


def test_what_is_proven_is_told_phase_by_phase():
    found = replace(ro.solve(two_pairs(), "greedy"), termination="optimal")
    phases = (Phase("partition", is_proven=False, was_cut=True), Phase("reliability", is_proven=True))
    phases = (*phases, Phase("work", is_proven=False))
    told = " ".join(line.strip() for line in replace(found, phases=phases).summary().splitlines()[1:3])
    assert told == (
        "greedy, guaranteed: latency proven optimal; partition improved, not proven in time; reliability proven "
        "optimal for these part sizes; work improved, not proven"
    )
    assert "greedy, guaranteed: latency not proven optimal\n" in replace(found, termination="feasible").summary()


def test_a_rare_answer_names_what_would_make_it_surer():
    rare = two_pairs().with_requirements(max_group_outage=0.2, max_groups=None)
    rare = rare.with_devices([device.model_copy(update={"failure_probability": 0.3}) for device in rare.devices])
    text = ro.solve(rare, "greedy").summary()
    assert "with probability 0.8281 (failure 0.172)\n" in text
    assert (
        "  2 groups must all answer; more reliable with min_success, a smaller max_groups or objective failure\n"
        in text
    )
    surest = ro.solve(rare, "greedy", "failure")
    assert "surer" not in surest.summary()
    assert surest.metrics.failure_probability < 0.172
    assert ro.solve(rare.with_requirements(max_groups=1), "greedy").metrics.failure_probability < 0.172
    assert "surer" not in ro.solve(two_pairs(), "greedy").summary()


def test_times_have_the_unit_that_fits():
    instance = ro.generate("mcu", devices=8, seed=1)
    text = ro.solve(instance, "greedy").summary()
    assert "replica:ms, first answer first" in text
    assert " ms, lower bound " in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_figure_is_lost_on_a_narrow_terminal(width):
    instance = ro.generate("mcu", devices=12, seed=0)
    result = ro.solve(instance, "greedy")
    stream = io.StringIO()
    print_summary(result, Console(file=stream, width=width, color_system=None))
    text = stream.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for timing in group_timings(instance, result.plan):
        assert seconds(timing.guaranteed_seconds) in text


def test_what_does_not_fit_beside_goes_below():
    table = plain_table("name", "kind", numbers=[f"figure {n}" for n in range(8)], keys=2)
    for row in range(2):
        table.add_row(f"row-{row}", "[k]", *(f"{10**9 + 10 * row + n} ms" for n in range(8)))
    stream = io.StringIO()
    Console(file=stream, width=50, color_system=None).print(table)
    text = stream.getvalue()
    assert [text.count(f"{10**9 + 10 * row + n} ms") for row in range(2) for n in range(8)] == [1] * 16
    assert text.count("row-1") == text.count("name   kind") == 4
    assert max(map(len, text.splitlines())) <= 50


def test_spares_of_no_use_are_told_with_their_reason() -> None:
    def device(name, rate, memory, **others):
        return {
            "id": name,
            "flops_per_second": rate,
            "memory_bytes": memory,
            "uplink_bits_per_second": 1e9,
            "failure_probability": 0.1,
            **others,
        }

    instance = ro.Instance.model_validate(
        {
            "name": "idle",
            "devices": [
                device("best", 1e3, 1e3),
                device("tiny", 1e3, 1.0),
                device("slow-1", 1.0, 1e3),
                device("slow-2", 2.0, 1e3),
                device("small", 1e3, 15.0),
                device("middle", 9.0, 1e3),
                device("twin", 1e3, 1e3),
                device("kept", 1.0, 1e3),
            ],
            "students": [
                {"id": "big", "flops": 90.0, "memory_bytes": 100.0, "max_filters": 4},
                {"id": "little", "flops": 1.0, "flops_per_filter": 0.5, "memory_bytes": 10.0, "max_filters": 3},
            ],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.2},
            "rules": [{"spare": ["kept"]}],
        }
    )
    group = ro.Group(devices=("best",), student="big", num_filters=4)
    plan = ro.Plan.of(instance, [group])
    lines = list(idle_lines(instance, plan, "guaranteed", 0.2))
    assert lines == [
        "  later than this plan with any of its parts: middle (10 s at best)",
        "  later than this plan with any student, for a single filter already: slow-1, slow-2 (750 ms at best)",
        "  no part of this plan fits on small",
        "  no student fits on tiny",
    ]
    assert list(idle_lines(instance, plan, "failure", 0.2)) == []
    assert "  no student fits on tiny" in ro.solve(instance, "greedy").summary()
