"""Pages as people see them: in headless Chromium, at the width of a phone and of a desk, in light and in dark."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from chromium import Browser, browser
from rocoin_opt.batch.store import Store
from rocoin_opt.report.page.plan_page import plan_report
from rocoin_opt.report.page.run_page import run_report
from runs import failed, row, solved, stored, two_points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

PHONE, DESK = 390, 1280
READABLE = 4.5
"""Least contrast of text, by the Web Content Accessibility Guidelines 2.2, level AA."""
HOSTILE = "<img src='http://example.org/x.png' onerror='document.title=1'>" + "W" * 300


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A plan with graph and frontier, the same with hostile names, and a run."""
    folder = tmp_path_factory.mktemp("pages")
    instance = ro.generate("mcu", devices=12, seed=0, graph=True)
    plan = ro.solve(instance, "greedy").plan
    texts = {"plan": plan_report(instance, plan, frontier=two_points(instance))}
    devices = tuple(d.model_copy(update={"id": f"{n} {HOSTILE}"}) for n, d in enumerate(instance.devices))
    hostile = instance.model_copy(update={"name": HOSTILE, "devices": devices})
    texts["hostile"] = plan_report(hostile, ro.solve(hostile, "greedy").plan)
    rows = []
    for family in ("mcu", "paper"):
        (folder / family).mkdir()
        path = folder / family / "one.json"
        ro.write_instance(path, ro.generate(family, devices=8, seed=1, graph=family == "mcu"))
        rows += solved(path, ("greedy", "rocoin", "random"))
    rows += [row(str(folder / "mcu" / "two.json"), "greedy", 100.0), failed(str(folder / "x" / "three.json"), "greedy")]
    with Store.open(stored(folder / "run", rows)) as store:
        texts["run"] = run_report(store)
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize("page", ["plan", "hostile", "run"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_fits_is_readable_and_keeps_to_itself(chromium, pages, page, width, dark) -> None:
    chromium.open(pages[page], width=width, dark=dark)
    assert chromium.run("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    texts = chromium.texts()
    assert len(texts) > 100
    assert [entry for entry in texts if entry[1] < READABLE] == []
    assert [entry for entry in texts if entry[2] < 9.5] == []
    assert chromium.complaints() == []
    assert [address for address in chromium.requests() if not address.startswith("data:")] == [pages[page].as_uri()]
    assert chromium.run("return document.title") != "1"


def test_light_and_dark_differ_in_pictures_too(chromium, pages) -> None:
    shades = []
    for dark in (False, True):
        chromium.open(pages["plan"], width=DESK, dark=dark)
        shades.append(
            chromium.run(
                "return ['.l-s0', '.f-ink', '.l-grid'].map((name) => {"
                "const style = getComputedStyle(document.querySelector('.chart ' + name));"
                "return name.startsWith('.l') ? style.stroke : style.fill; }).concat("
                "getComputedStyle(document.body).backgroundColor)"
            )
        )
    assert all(light != dark for light, dark in zip(*shades, strict=True))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("devices", [8, 32])
def test_axes_lie_below_their_bars(chromium, tmp_path, devices, width) -> None:
    instance = ro.generate("edge", devices=devices, seed=0)
    page = tmp_path / "plan.html"
    page.write_text(plan_report(instance, ro.solve(instance, "greedy", latency_only=True).plan))
    chromium.open(page, width=width)
    places = chromium.run(
        "return [...document.querySelectorAll('.group')].map((group) => [...group.querySelectorAll('.bar')]"
        ".map((bar) => [bar.getBoundingClientRect().left, bar.getBoundingClientRect().width]))"
    )
    assert (len(places) > 6) == (devices == 32)
    for left, *others in places:
        assert others
        assert all(other == left for other in others)


def test_tables_scroll_inside_of_their_frames(chromium, pages) -> None:
    chromium.open(pages["run"], width=PHONE)
    sizes = chromium.run("return [...document.querySelectorAll('.scroll')].map((e) => [e.scrollWidth, e.clientWidth])")
    assert sizes
    assert all(outer <= PHONE for _, outer in sizes)
    assert any(inner > outer for inner, outer in sizes)


def column(chromium: Browser, table: int, place: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('table')[arguments[0]].tBodies[0].rows]"
        ".map((row) => row.cells[arguments[1]].textContent)"
    )
    return chromium.run(script, table, place)


def click(chromium: Browser, table: int, place: int) -> str:
    """Click on a heading, and return how the table is sorted then."""
    script = "return document.querySelectorAll('table')[arguments[0]].tHead.rows[0].cells[arguments[1]]"
    heading = chromium.run(script, table, place)
    heading.find_element("tag name", "button").click()
    return heading.get_attribute("aria-sort")


def in_seconds(text: str) -> float:
    """A time as the page shows it, in its own unit."""
    number, unit = text.split()
    return float(number) * {"s": 1.0, "ms": 1e-3, "µs": 1e-6}[unit]


def test_a_click_sorts_by_number_and_leaves_the_unknown_at_the_end(chromium, pages) -> None:
    chromium.open(pages["run"], width=DESK)
    items = chromium.run("return document.querySelectorAll('table').length") - 1
    before = column(chromium, items, 6)
    assert "-" in before
    for order in (1, -1):
        assert click(chromium, items, 6) == ("ascending" if order > 0 else "descending")
        after = column(chromium, items, 6)
        assert sorted(after) == sorted(before)
        assert after[-1] == "-"
        values = [in_seconds(text) for text in after if text != "-"]
        assert all(order * one <= order * other for one, other in pairwise(values))
        # 100 s comes after 2 s: numbers, not texts.
        assert after[0 if order < 0 else len(values) - 1] == "100 s"


def test_a_click_sorts_by_name(chromium, pages) -> None:
    chromium.open(pages["run"], width=PHONE)
    items = chromium.run("return document.querySelectorAll('table').length") - 1
    click(chromium, items, 2)
    names = column(chromium, items, 2)
    assert names == sorted(names)
    click(chromium, items, 2)
    assert column(chromium, items, 2) == sorted(names, reverse=True)
    # Another column takes over.
    click(chromium, items, 0)
    assert chromium.run("return document.querySelectorAll('[aria-sort]').length") == 1


def test_a_page_is_whole_without_its_script(chromium, pages, tmp_path) -> None:
    text = pages["run"].read_text()
    start, end = text.index("<script>"), text.index("</script>")
    (tmp_path / "bare.html").write_text(text[:start] + text[end:])
    chromium.open(tmp_path / "bare.html", width=DESK)
    assert len(chromium.texts()) > 100
    chromium.complaints()


def test_no_other_script_runs(chromium, pages, tmp_path) -> None:
    (tmp_path / "changed.html").write_text(
        pages["plan"].read_text().replace("</body>", "<script>document.title = 'ran'</script></body>")
    )
    chromium.open(tmp_path / "changed.html", width=DESK)
    assert chromium.run("return document.title") != "ran"
    assert any("Content Security Policy" in line for line in chromium.complaints())
