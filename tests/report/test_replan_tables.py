"""A mended plan in words: what people must load, and why there is no plan."""

from __future__ import annotations

import io

from rich.console import Console

from examples import two_pairs
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.planning.replan import replan
from rocoin_opt.report.replan import print_replan, replan_document


def told(found) -> str:
    stream = io.StringIO()
    print_replan(found, Console(file=stream, width=100, color_system=None))
    return stream.getvalue()


def mended(**options):
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    return replan(instance, plan, ["d1"], **options)


def test_loads_stand_out() -> None:
    text = told(mended(max_loads=1))
    assert "3 devices left, 1 lost, 0 joined; at most 1 device may be sent a student" in text
    assert "guaranteed: latency proven optimal" in text
    assert "guaranteed latency 7 s, lower bound 7 s, gap 0 %" in text
    assert "if any number of devices could be sent one: " in text
    assert "to send: 1 student, 1 B; no plan as early ships less than " in text
    assert "+d" in text
    assert "spares: d" in text


def test_without_a_plan_the_reason_stands_there() -> None:
    found = mended(max_loads=0)
    text = told(found)
    assert "infeasible: there is no plan" in text
    assert "1 would do" in text
    assert "gap" not in text
    assert " s of search\n  if any number of devices could be sent one: 7 s" in text
    document = replan_document(found)
    assert (document["plan"], document["shipped_bytes"], document["fewest_loads"]) == (None, None, 1)


def test_nothing_to_load_and_no_spares() -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1", "d2", "d3"), student="s", num_filters=4)])
    text = told(replan(instance, plan, max_loads=0))
    assert "to send: nothing, every device keeps" in text
    assert "spares" not in text
    unlimited = told(replan(instance, plan))
    assert "any number of devices may be sent a student" in unlimited
    assert "could be sent" not in unlimited
