"""The page of a plan: what it says, what it draws, and that no name can break it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.util import find_spec as really_find_spec

import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs, two_pairs
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.instance.matrices import FilterGraph
from rocoin_opt.plan.files import PlanDocument, result_document
from rocoin_opt.plan.metrics import ncut_of
from rocoin_opt.report.page.failed_devices import failure_panel
from rocoin_opt.report.page.graph_picture import MAX_CELLS, graph_picture, part_figures
from rocoin_opt.report.page.plan_page import MAX_SPARES, plan_report
from rocoin_opt.report.page.plan_pictures import latency_picture, outage_picture
from rocoin_opt.report.page.rendering import Page, rendered, require_report
from rocoin_opt.report.page.tables import MAX_CHARACTERS, percent, shown_name
from rocoin_opt.wording import seconds
from runs import two_points
from slowed import slowed

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[2J\u202e&\"'"


@pytest.fixture(scope="module")
def mcu():
    instance = ro.generate("mcu", devices=12, seed=0, graph=True)
    return instance, ro.solve(instance, "greedy").plan


@pytest.fixture(scope="module")
def page(mcu):
    return plan_report(*mcu)


class Texts(HTMLParser):
    """All texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_tells_figures_groups_and_pictures(mcu, page) -> None:
    instance, plan = mcu
    figures = ro.evaluate(instance, plan)
    for text in (
        f"Plan for {instance.name}",
        seconds(figures.guaranteed_seconds),
        f"{figures.success_probability:.4f}",
        "When the answer comes",
        "How long a group may stay silent",
        "Filter graph, ordered by part",
        f"Group {len(plan.groups) - 1}: ",
        instance.sha256,
    ):
        assert text in page, text
    assert page.count('class="replica"') == sum(len(group.devices) for group in plan.groups)
    assert page.count('class="chart"') == 3


@pytest.mark.slow
def test_the_page_is_the_same_every_time(mcu, page) -> None:
    assert plan_report(*mcu) == page


def test_the_page_loads_nothing_and_allows_nothing(page) -> None:
    parsed = Texts(page)
    policies = [given["content"] for tag, given in parsed.tags if given.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in (policies[0] or "")
    for tag, given in parsed.tags:
        assert tag not in ("iframe", "object", "embed", "form")
        assert not [name for name in given if name.startswith("on") or name == "style"], (tag, given)
        for name in ("src", "href"):
            assert (given.get(name) or "#").startswith(("#", "data:")), (tag, given)


def document_of(result: ro.Result) -> PlanDocument:
    """What the plan file of a result says."""
    fields = result_document(result.instance, result)
    return PlanDocument.model_validate({key: fields[key] for key in fields if key not in ("format", "version")})


@pytest.mark.usefixtures("unrendered")
def test_what_a_file_claims_wrongly_is_told(mcu) -> None:
    instance, plan = mcu
    document = document_of(ro.solve(instance, "greedy"))
    assert "makes claims that do not hold" not in plan_report(instance, plan, document)
    metrics = document.metrics.model_copy(update={"nominal_seconds": 1e-3})
    page = plan_report(instance, plan, document.model_copy(update={"metrics": metrics}))
    assert "makes claims that do not hold" in page
    assert "metrics.nominal_seconds" in page


@pytest.mark.usefixtures("unrendered")
def test_figures_of_the_whole_answer_come_first() -> None:
    instance = two_pairs().with_requirements(success_level=0.98)
    result = replace(ro.solve(instance, "rocoin", "failure"), lower_bound=0.002)
    page = plan_report(instance, result.plan, document_of(result))
    tiles = re.findall(r'<div class="tile"><dt>(.*?)</dt><dd>(.*?)</dd>', page)
    assert tiles == [("failure probability", "0.0199"), ("missing share", "0.01"), ("guaranteed latency", "5 s")]
    assert "lower bound 0.002, gap " in page
    rows = dict(re.findall(r'<tr><td class="text short">(.*?)</td><td class="number">(.*?)</td>', page))
    assert [rows[name] for name in ("success probability", "quantile", "guaranteed latency")] == [
        "0.9801",
        "5 s",
        "5 s",
    ]
    assert "There is an answer ever with probability 0.9801: failure 0.0199, expected share missing 0.01." in page
    assert "no deadline, success level 0.98" in page
    never = plan_report(instance.with_requirements(success_level=0.99), result.plan)
    assert '<td class="text short">quantile</td><td class="number">never</td>' in never


@pytest.mark.usefixtures("unrendered")
def test_names_are_texts_and_nothing_else() -> None:
    instance = pairs(name=HOSTILE)
    devices = tuple(d.model_copy(update={"id": f"{HOSTILE}{n}"}) for n, d in enumerate(instance.devices))
    students = tuple(s.model_copy(update={"id": f"{HOSTILE}{n}"}) for n, s in enumerate(instance.students))
    hostile = instance.model_copy(update={"devices": devices, "students": students})
    result = ro.solve(hostile, "greedy")
    plan = result.plan
    parsed = Texts(plan_report(hostile, plan, document_of(replace(result, method=HOSTILE))))
    assert "img" not in {tag for tag, _ in parsed.tags}
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    shown = [text for text in parsed.texts if "onerror" in text]
    # The title and the heading, the method, each device and each group's student, these twice: they can be failed; and
    # who is binding.
    assert len(shown) == 4 + 2 * (4 + len(plan.groups))
    assert not [text for text in shown if "\x1b" in text or "\u202e" in text]


def test_long_names_are_cut() -> None:
    assert len(shown_name("x" * 1000)) == MAX_CHARACTERS
    assert shown_name("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS


@pytest.mark.usefixtures("unrendered")
def test_a_plan_that_misses_the_limit_is_shown_with_a_warning() -> None:
    instance = two_pairs().with_requirements(max_group_outage=1.0)
    group = ro.Group(devices=("d0",), student="s", num_filters=4)
    plan = ro.Plan.of(instance, [group])
    assert "does not keep the requirements" not in plan_report(instance, plan)
    page = plan_report(two_pairs(), plan)
    assert "does not keep the requirements" in page
    assert "never" in page


def test_a_plan_that_breaks_another_rule_is_refused() -> None:
    with pytest.raises(InputError):
        plan_report(two_pairs(), ro.Plan.of(two_pairs(), [ro.Group(devices=("d0",), student="s", num_filters=3)]))


def test_the_deadline_is_drawn_where_it_is_near_and_told_where_it_is_far() -> None:
    plan = ro.Plan.of(pairs(), [ro.Group(devices=("d0", "d2"), student="s2", num_filters=2)])
    near = latency_picture(pairs(requirements={"deadline_seconds": 6.0}), [("a", plan)], "x")
    far = latency_picture(pairs(requirements={"deadline_seconds": 60.0}), [("a", plan), ("b", plan)], "x")
    none = latency_picture(pairs(requirements={"deadline_seconds": None}), [("a", plan)], "x")
    assert [entry.label for entry in near.legend] == ["a", "deadline 6 s"]
    assert [entry.label for entry in far.legend] == ["a", "b"]
    assert "further right" in far.caption
    assert "further right" not in near.caption + none.caption


def segments(svg: str) -> int:
    """Line segments of the longest path."""
    return max(path.count("L ") for path in re.findall(r'd="([^"]*)"', svg))


def test_random_latencies_are_drawn_smoothly() -> None:
    instance = slowed(pairs(), {"law": "lognormal", "sigma": 0.5})
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d2"), student="s3", num_filters=5)])
    smooth, steps = latency_picture(instance, [("a", plan)], "x"), latency_picture(pairs(), [("a", plan)], "x")
    assert segments(smooth.svg) > 5 * segments(steps.svg)
    page = plan_report(instance, plan)
    assert "Latencies are random here" in page
    assert "nominal latency" not in page


def test_measured_factors_too_many_to_draw_are_drawn_through_a_grid() -> None:
    values = np.linspace(1.0, 2.0, 2500).tolist()
    instance = slowed(pairs(), {"law": "empirical", "values": values})
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0",), student="s2", num_filters=2)])
    assert "<path" in latency_picture(instance, [("a", plan)], "x").svg


def test_heavy_tails_leave_room_for_most_answers() -> None:
    instance = slowed(pairs(), {"law": "pareto", "alpha": 0.5})
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d2"), student="s2", num_filters=2)])
    assert "<path" in latency_picture(instance, [("a", plan)], "x").svg


@pytest.mark.usefixtures("unrendered")
def test_many_groups_share_a_colour_and_no_limit_has_no_line() -> None:
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.0}
    instance = pairs(
        devices=[{"id": f"d{n}", **device} for n in range(9 + MAX_SPARES + 1)],
        students=[{"id": "s", "flops": 1, "memory_bytes": 1, "max_filters": 9}],
        knowledge={"num_filters": 9, "bits_per_filter": 1},
        requirements={"max_group_outage": 0.0},
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=(f"d{n}",), student="s", num_filters=1) for n in range(9)])
    assert [entry.label for entry in outage_picture(instance, plan, "x").legend] == ["each of the 9 groups"]
    page = plan_report(instance, plan)
    assert "groups many" in page
    assert "and 1 more" in page


@pytest.mark.usefixtures("unrendered")
def test_an_exact_distribution_that_there_is_not_is_said(monkeypatch: pytest.MonkeyPatch, mcu) -> None:
    def refuse(*_: object) -> None:
        raise UnsupportedError("too many domains")

    for module in ("plan_page.assess", "plan_pictures.latency_distribution"):
        monkeypatch.setattr(f"rocoin_opt.report.page.{module}", refuse)
    page = plan_report(*mcu)
    assert "There is no exact distribution to draw: too many domains." in page
    assert "Exact figures are not available: too many domains" in page
    assert "guaranteed latency</dt>" not in page


@pytest.mark.usefixtures("unrendered")
def test_devices_can_be_failed_or_it_is_said_why_not(monkeypatch: pytest.MonkeyPatch, mcu, page) -> None:
    assert page.count("data-device=") == sum(len(group.devices) for group in mcu[1].groups)
    assert "cannot be failed on this page" not in page
    assert page.count("<script>") == 1
    plan = ro.Plan.of(
        pairs(),
        [
            ro.Group(devices=("d0", "d2"), student="s2", num_filters=2),
            ro.Group(devices=("d1", "d3"), student="s2", num_filters=3),
        ],
    )
    law = slowed(pairs(), {"law": "lognormal", "sigma": 0.5})
    sharing = [device.model_copy(update={"channel": "air"}).model_dump() for device in pairs().devices]
    queued = pairs(devices=sharing, channels=[{"id": "air"}])
    tied = [device.model_copy(update={"failure_domain": "ap"}) for device in pairs().devices]
    domain = ro.FailureDomain(id="ap", failure_probability=0.1)
    joined = pairs().model_copy(update={"devices": tuple(tied), "failure_domains": (domain,)})
    assert failure_panel(joined, plan, ro.evaluate(joined, plan)).reason == ""
    monkeypatch.setattr("rocoin_opt.report.page.failed_devices.MAX_TIED_DOMAINS", 0)
    said = {"random": law, "queue for a channel": queued, "failure domains span": joined}
    for words, instance in said.items():
        told = plan_report(instance, plan)
        assert "Devices cannot be failed on this page: " in told
        assert words in told
        assert "data-model" not in told
    monkeypatch.setattr("rocoin_opt.report.page.failed_devices.MAX_SWITCHES", 3)
    assert "the plan has 4, and the page offers 3 at most" in plan_report(pairs(), plan)
    # Without exact figures there is nothing to compare with.
    assert failure_panel(law, plan, None).groups == ()


def graphed(labels: list[int], weights: np.ndarray) -> tuple[ro.Instance, ro.Plan]:
    """Two pairs with a filter graph, and a plan whose parts are given."""
    base = two_pairs()
    fields = base.model_dump()
    fields["knowledge"] = {"num_filters": len(labels), "bits_per_filter": 1.0, "graph": None}
    fields["students"][0]["max_filters"] = len(labels)
    instance = ro.Instance.model_validate(fields)
    knowledge = instance.knowledge.model_copy(update={"graph": FilterGraph.from_weights(weights)})
    instance = instance.model_copy(update={"knowledge": knowledge})
    groups = [
        ro.Group(
            devices=(f"d{2 * k}", f"d{2 * k + 1}"),
            student="s",
            num_filters=labels.count(k),
            filters=tuple(m for m, label in enumerate(labels) if label == k),
        )
        for k in range(2)
    ]
    return instance, ro.Plan(groups=tuple(groups))


def test_part_figures_are_those_of_the_cut() -> None:
    weights = np.array([[0, 3, 1, 0], [3, 0, 0, 0], [1, 0, 0, 2], [0, 0, 2, 0]], dtype=float)
    instance, plan = graphed([0, 0, 1, 1], weights)
    first, second = part_figures(instance, plan)
    assert (first.inside, first.cut_share) == (pytest.approx(6 / 7), pytest.approx(1 / 7))
    assert (second.inside, second.cut_share) == (pytest.approx(4 / 5), pytest.approx(1 / 5))
    assert first.evidence_lost is None
    assert first.cut_share + second.cut_share == pytest.approx(ncut_of(instance, plan))


def test_a_part_without_edges_holds_nothing_together() -> None:
    weights = np.zeros((4, 4))
    instance, plan = graphed([0, 0, 1, 1], weights)
    assert part_figures(instance, plan)[0][:2] == (None, 1.0)
    assert "<image" in graph_picture(instance, plan, "x").svg
    assert "evidence lost" not in plan_report(instance, plan)


def test_large_graphs_are_averaged() -> None:
    count = MAX_CELLS + 30
    rng = np.random.default_rng(0)
    weights = rng.random((count, count))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    instance, plan = graphed([0] * (count - 5) + [1] * 5, weights)
    picture = graph_picture(instance, plan, "x")
    assert "mean over several filters" in picture.caption
    # A part of 5 of 350 filters is too narrow for its number; both axes begin at 0.
    assert re.findall(r">([01])</text>", picture.svg) == ["0", "0", "0"]


def test_there_is_no_graph_to_draw_without_one() -> None:
    instance, plan = two_pairs(), ro.solve(two_pairs(), "greedy").plan
    assert graph_picture(instance, plan, "x") is None
    assert part_figures(instance, plan) is None
    assert "What the parts keep together" not in plan_report(instance, plan)


@pytest.mark.slow
def test_frontiers_are_drawn_or_explained(mcu) -> None:
    instance, plan = mcu
    found = two_points(instance)
    page = plan_report(instance, plan, frontier=found)
    assert "What a better partition costs" in page
    assert f"{found.points[0].partition_value:.4f}" in page
    impossible = instance.with_requirements(max_group_outage=0.0)
    page = plan_report(instance, plan, frontier=ro.frontier(impossible))
    assert "Infeasible: there is no plan." in page
    assert "What a better partition costs" not in page


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, mcu, missing) -> None:
    monkeypatch.setattr(
        "rocoin_opt.report.page.rendering.find_spec", lambda name: None if name == missing else really_find_spec(name)
    )
    with pytest.raises(UnsupportedError, match="extra report"):
        require_report()
    with pytest.raises(UnsupportedError, match="(?i)" + missing):
        plan_report(*mcu)


def test_an_empty_page_is_a_page() -> None:
    assert "<h1>Nothing &lt;b&gt;</h1>" in rendered(Page("Nothing <b>"))


def test_shares_are_readable() -> None:
    shares = {None: "-", 0.0: "0 %", 1e-9: "<0.001 %", 0.01234: "1.23 %", 0.5: "50 %", 13.35: "1335 %"}
    assert {share: percent(share) for share in shares} == shares


@pytest.mark.usefixtures("unrendered")
def test_the_energy_is_shown_where_it_is_known(mcu) -> None:
    instance, plan = mcu
    assert ">energy<" not in plan_report(instance, plan)
    powers = {"compute_watts": 0.5, "transmit_watts": 0.1}
    powered = instance.with_devices([device.model_copy(update=powers) for device in instance.devices])
    limited = powered.with_requirements(max_energy_joules=1e6)
    assert "of a request, over all devices" in plan_report(powered, plan)
    assert "at most 1 MJ" in plan_report(limited, plan)
