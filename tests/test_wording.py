"""Quantities in engineering units: rounded once, with the prefix that leaves one to three digits before the point."""

from __future__ import annotations

import math

import pytest

from rocoin_opt.wording import (
    common_unit,
    data_size,
    engineering,
    given_seconds,
    joules,
    number,
    percent,
    seconds,
    success_share,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0, "0 s"),
        (0.007957, "7.957 ms"),
        (0.2656123, "265.6 ms"),
        (0.99996e-3, "1 ms"),
        (0.99994e-3, "999.9 µs"),
        (0.99999, "1 s"),
        (2.5e-7, "250 ns"),
        (1e-12, "0.001 ns"),
        (59.9999, "60 s"),
        (12345.6, "12346 s"),
        (1.234e8, "1.234e+08 s"),
        (math.inf, "inf s"),
    ],
)
def test_times_have_a_unit_that_fits(value, shown):
    assert seconds(value) == shown


def test_what_a_user_gave_keeps_its_digits():
    assert given_seconds(0.674321) == "674.321 ms"
    assert given_seconds(5.0) == "5 s"


def test_other_quantities():
    assert engineering(4.8e8, "FLOP/s") == "480 MFLOP/s"
    assert engineering(0.5, "bit/s") == "0.5 bit/s"
    assert [data_size(size) for size in (None, 1, 999, 396_512, 2.5e9)] == ["-", "1 B", "999 B", "396.5 kB", "2.5 GB"]
    assert [joules(energy) for energy in (0.0125, 2.0, 1e6)] == ["12.5 mJ", "2 J", "1 MJ"]
    assert percent(0.01234) == "1.23 %"
    assert [number(value) for value in (0.1234567, 265.61, 4000.4)] == ["0.1235", "265.6", "4000"]


@pytest.mark.parametrize(
    ("values", "unit"),
    [([], "s"), ([0.0, math.inf], "s"), ([0.0423, 0.4652], "ms"), ([0.3e-3, 20e-3], "ms"), ([0.9, 1.2], "s")],
)
def test_times_of_a_table_share_the_unit_of_their_middle(values, unit):
    assert common_unit(iter(values))[0] == unit


def test_a_probability_of_success_has_the_digits_of_its_failure():
    for failure, told in (
        (0.021, "0.9790"),
        (0.0, "1.0000"),
        (1.0, "0.0000"),
        (0.00011, "0.99989"),
        (0.0000996, "0.999900"),
        (2e-9, "0.9999999980"),
    ):
        assert success_share(1.0 - failure, failure) == told
    assert success_share(0.99989, None) == "0.99989"
