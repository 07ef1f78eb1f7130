"""Figures as inline SVG: classes instead of colours, nothing that a strict content security policy forbids."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from rocoin_opt.report.page.figures import (
    ALERT,
    DASHES,
    ROLES,
    SERIES,
    curve_style,
    drawn,
    legend_entry,
    overlaid,
    plain_ticks,
)


def a_curve(axes) -> None:
    axes.plot([1, 2, 3], [1, 10, 1000], color=SERIES[0])
    axes.axhline(5, color=ALERT, linestyle="dashed")
    axes.set(xlabel="seconds", ylabel="outage")


def test_colours_become_classes_and_styles_attributes() -> None:
    svg = drawn("one", "A curve", a_curve)
    assert 'class="l-s0"' in svg
    assert 'class="l-alert"' in svg
    assert "style=" not in svg
    assert "<style" not in svg
    assert not [colour for colour in ROLES if colour in svg]
    root = ElementTree.fromstring(svg)
    assert (root.get("role"), root.get("aria-label"), root.get("class")) == ("img", "A curve", "chart")
    assert root.get("width") is None
    assert root.get("viewBox") is not None


def test_texts_are_texts_in_the_colour_of_ink() -> None:
    texts = list(ElementTree.fromstring(drawn("one", "A curve", a_curve)).iter("text"))
    assert {"seconds", "outage"} <= {text.text for text in texts}
    assert {text.get("class") for text in texts} == {"f-ink"}
    assert {text.get("font-size") for text in texts} == {"9.5px"}
    assert {text.get("font-family") for text in texts} == {None}


def test_names_are_the_figures_own_and_every_reference_is_answered() -> None:
    one, two = drawn("one", "A curve", a_curve), drawn("two", "A curve", a_curve)
    for name, svg in (("one", one), ("two", two)):
        names = re.findall(r'\bid="([^"]+)"', svg)
        assert names
        assert len(set(names)) == len(names)
        assert all(found.startswith(f"{name}-") for found in names)
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg)) <= set(names)


def test_the_same_drawing_gives_the_same_text_whatever_a_user_has_set() -> None:
    first = drawn("one", "A curve", a_curve)
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.linewidth": 9}):
        assert drawn("one", "A curve", a_curve) == first
    assert "date" not in first.lower()


@pytest.mark.parametrize("is_narrow", [False, True])
def test_logarithmic_ticks_are_plain_numbers(is_narrow) -> None:
    def draw(axes) -> None:
        plain_ticks(axes, log_x=True, log_y=True, is_narrow=is_narrow)
        axes.plot([1, 20], [0.001, 0.1])

    texts = {text.text for text in ElementTree.fromstring(drawn("log", "Logarithms", draw)).iter("text")}
    assert {"0.001", "0.01", "0.1", "1", "10"} <= texts
    assert ("5" in texts) == is_narrow


def test_curves_beyond_the_colours_differ_by_their_dashes() -> None:
    styles = [curve_style(number) for number in range(len(SERIES) * len(DASHES))]
    assert len(set(styles)) == len(styles)
    assert curve_style(len(styles)) == styles[0]
    assert legend_entry("ninth", 8).dash == "dashed"


def test_curves_that_lie_over_each_other_differ_by_their_dashes() -> None:
    low, high = np.zeros(10), np.ones(10)
    assert overlaid([low, high, low, low, high, np.arange(10.0) / 8]) == [0, 0, 1, 2, 1, 0]
    assert curve_style(1, 1) == (SERIES[1], curve_style(8)[1])
    assert legend_entry("second", 1, 1).dash == "dashed"
