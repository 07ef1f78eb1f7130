"""Devices failed on the page of a plan: what its script computes is what ``evaluate`` says of the devices left."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from chromium import Browser, browser
from examples import pairs
from restricted_instances import merged, random_restricted
from rocoin_opt.failure import evaluate
from rocoin_opt.report.page.failed_devices import failure_panel
from rocoin_opt.report.page.plan_page import plan_report
from rocoin_opt.report.page.rendering import Page, Section, rendered
from rocoin_opt.wording import seconds, small_share
from tied_instances import tied_instance

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser

SUBSETS = 8
"""Sets of failed devices a plan, none and all among them."""
SEEDS = 40
"""Random instances with failure domains; half as many without."""
PLAY = """
return arguments[0].map((subsets, n) => {
  const panel = document.querySelectorAll("[data-model]")[n];
  const switches = [...panel.querySelectorAll("[data-device]")];
  return subsets.map((subset) => {
    switches.forEach((button, i) => {
      if ((button.getAttribute("aria-pressed") === "true") !== subset.includes(i)) button.click();
    });
    return Object.fromEntries([...panel.querySelectorAll("[data-figure]")].map((cell) =>
      [cell.dataset.figure, [cell.dataset.value, cell.textContent]]));
  });
});
"""


@dataclass(frozen=True)
class Case:
    """A plan, and sets of its devices, by their places on the page, that are failed one after another."""

    instance: ro.Instance
    plan: ro.Plan
    subsets: tuple[tuple[int, ...], ...]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


def case_of(instance: ro.Instance, seed: int) -> Case:
    """Groups, students and parts by chance: a plan may break any requirement, its figures are defined all the same."""
    rng = random.Random(seed)
    names = [device.id for device in instance.devices]
    rng.shuffle(names)
    used = names[: rng.randint(1, len(names))]
    count = rng.randint(1, min(3, len(used), instance.knowledge.num_filters))
    members = [used[k::count] for k in range(count)]
    cuts = sorted(rng.sample(range(1, instance.knowledge.num_filters), count - 1))
    bounds = [0, *cuts, instance.knowledge.num_filters]
    groups = [
        ro.Group(devices=tuple(own), student=rng.choice(instance.students).id, num_filters=bounds[k + 1] - bounds[k])
        for k, own in enumerate(members)
    ]
    return with_subsets(instance, ro.Plan.of(instance, groups), rng)


def with_subsets(instance: ro.Instance, plan: ro.Plan, rng: random.Random) -> Case:
    places = range(sum(len(group.devices) for group in plan.groups))
    some = [tuple(sorted(rng.sample(places, rng.randint(1, len(places))))) for _ in range(SUBSETS - 2)]
    return Case(instance, plan, ((), *some, tuple(places)))


def expected_figures(case: Case, lost: set[str]) -> dict[str, float | None]:
    """The figures of the plan without its lost devices, by the evaluator; a group without any never answers."""
    left = [replace_devices(group, lost) for group in case.plan.groups]
    alive = [group for group in left if group.devices]
    needed = case.instance.requirements
    figures = evaluate(case.instance, ro.Plan(groups=tuple(alive))) if alive else None
    sizes, total = sum(group.num_filters for group in alive), sum(case.plan.sizes)
    missing = 1.0 if figures is None else (figures.missing_share * sizes + total - sizes) / total
    if figures is None or len(alive) < len(left):
        found = dict.fromkeys(("guaranteed", "nominal", "worst", "quantile"))
        found |= {"success": 0.0, "failure": 1.0, "expected": needed.deadline_seconds}
    else:
        found = {
            "guaranteed": figures.guaranteed_seconds,
            "nominal": figures.nominal_seconds,
            "worst": figures.worst_seconds,
            "quantile": figures.quantile_seconds,
            "success": figures.success_probability,
            "failure": figures.failure_probability,
            "expected": figures.expected_seconds,
        }
    asked = {"quantile": needed.success_level, "expected": needed.deadline_seconds}
    found = {key: value for key, value in found.items() if asked.get(key, 0.0) is not None}
    return found | {"missing": missing}


def worded(key: str, value: float) -> str:
    """A figure as the package shows it."""
    return (
        f"{value:.4f}" if key == "success" else small_share(value) if key in ("failure", "missing") else seconds(value)
    )


def replace_devices(group: ro.Group, lost: set[str]) -> ro.Group:
    return group.model_copy(update={"devices": tuple(name for name in group.devices if name not in lost)})


def cases() -> list[Case]:
    """Ties, sure devices, limits of 0 and 1, deadlines met exactly or missed by all, failure domains, real fleets."""
    found = [case_of(tied_instance(seed), seed) for seed in range(SEEDS // 2)]
    for seed in range(SEEDS):
        fields = merged(*random_restricted(seed, rules=False))
        found.append(case_of(ro.Instance.model_validate(fields), seed))
    for name in ("mcu/mcu-12-0", "edge/edge-12-10", "paper/paper-12-10", "lossy/lossy-12-10"):
        instance = ro.read_instance(f"instances/{name}.json").with_requirements(success_level=0.9)
        plan = ro.solve(instance, "greedy", latency_only=True).plan
        found.append(with_subsets(instance, plan, random.Random(name)))
    return found


def test_the_page_says_what_the_evaluator_says(chromium, tmp_path) -> None:
    given = cases()
    panels = [failure_panel(case.instance, case.plan, evaluate(case.instance, case.plan)) for case in given]
    assert [panel.reason for panel in panels if panel.reason] == []
    text = rendered(Page("all", sections=tuple(Section("one", failing=panel) for panel in panels)))
    (tmp_path / "all.html").write_text(text)
    chromium.open(tmp_path / "all.html", width=1280)
    shown = chromium.run(PLAY, [case.subsets for case in given])
    compared = dead = 0
    for case, panel, sets in zip(given, panels, shown, strict=True):
        planned = {figure.key: figure.text for figure in panel.figures}
        names = [switch.device for group in panel.groups for switch in group.switches]
        for subset, figures in zip(case.subsets, sets, strict=True):
            lost = {names[place] for place in subset}
            wanted = expected_figures(case, lost)
            assert figures.keys() == wanted.keys()
            for key, value in wanted.items():
                said, words = figures[key]
                told = (case.instance.name, sorted(lost), key, said, value)
                if value is None:
                    assert (said, words) == ("", "never"), told
                else:
                    # Of an outage next to 1 as a double there is no more left than that.
                    least = 1e-15 if key == "success" else 0.0
                    assert float(said) == pytest.approx(value, rel=1e-9, abs=least), told
                    # Half a digit apart, one rounds up and one down; what is the plan's own figure is worded so.
                    assert words in (worded(key, float(said)), worded(key, value), planned[key]), told
                compared += 1
            dead += wanted["failure"] == 1.0
    assert compared > 3000
    assert dead > 60
    assert chromium.complaints() == []


def page_of(tmp_path, instance: ro.Instance, plan: ro.Plan) -> str:
    path = tmp_path / "plan.html"
    path.write_text(plan_report(instance, plan))
    return path


def pressed(chromium: Browser) -> list[str]:
    return chromium.run("return [...document.querySelectorAll('.switch')].map((b) => b.getAttribute('aria-pressed'))")


@pytest.mark.usefixtures("unrendered")
def test_keys_fail_devices_and_domains_and_bring_them_back(chromium, tmp_path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    fields = json.loads(pairs().model_dump_json(exclude_unset=True))
    for n, device in enumerate(fields["devices"]):
        device["failure_domain"] = f"ap{n % 2}"
    fields["failure_domains"] = [{"id": "ap0", "failure_probability": 0.01}, {"id": "ap1", "failure_probability": 0.0}]
    instance = ro.Instance.model_validate(fields)
    groups = [
        ro.Group(devices=("d0", "d1"), student="s1", num_filters=2),
        ro.Group(devices=("d2", "d3"), student="s2", num_filters=3),
    ]
    chromium.open(page_of(tmp_path, instance, ro.Plan.of(instance, groups)), width=390)
    said = "return document.querySelector('output').textContent"
    assert chromium.run(said) == "No device has failed: these are the plan's own figures."
    assert pressed(chromium) == [None, *["false"] * 6]

    def press(key: str) -> None:
        ActionChains(chromium.driver).send_keys(key).perform()

    chromium.run("document.querySelector('[data-device]').focus()")
    press(Keys.SPACE)
    assert pressed(chromium) == [None, "true", *["false"] * 5]
    assert chromium.run(said).startswith("1 device failed: group 0 exceeds the outage limit. Failure probability ")
    press(Keys.TAB)
    press(Keys.ENTER)
    assert chromium.run(said).startswith("2 devices failed: group 0 cannot answer, so the whole answer never comes.")
    assert "no device left: this group cannot answer" in chromium.run("return document.body.textContent")
    chromium.run("document.querySelector('.reset').click()")
    assert pressed(chromium) == [None, *["false"] * 6]
    # The first switch has the focus now; domains follow the four devices.
    for _ in range(4):
        press(Keys.TAB)
    press(Keys.SPACE)
    assert pressed(chromium) == [None, "true", "false", "true", "false", "true", "false"]
    press(Keys.SPACE)
    assert pressed(chromium) == [None, *["false"] * 6]
