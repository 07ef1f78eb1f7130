"""Devices from CSV files and data frames: text for numbers, blank cells, and faults by row and column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import rocoin_opt as ro

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "id,memory_bytes,uplink_bits_per_second,failure_probability,flops_per_second,count,students,compute_seconds.s"


def read(folder: Path, text: str) -> tuple[ro.Device, ...]:
    (folder / "fleet.csv").write_text(text, encoding="utf-8-sig")
    return ro.devices_from_csv(folder / "fleet.csv")


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(ro.InputError) as caught:
        read(folder, text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_are_devices_and_blank_cells_say_nothing(tmp_path: Path, separator: str) -> None:
    text = f"{HEAD}\ncam,1e6, 2000000 ,0.1,1e9,3,s t,\n\n7,1048576,1e6,0,,,,0.25\n"
    assert read(tmp_path, text.replace(",", separator)) == (
        ro.Device(
            id="cam",
            memory_bytes=1e6,
            uplink_bits_per_second=2e6,
            failure_probability=0.1,
            flops_per_second=1e9,
            count=3,
            students=("s", "t"),
        ),
        ro.Device(
            id="7",
            memory_bytes=2.0**20,
            uplink_bits_per_second=1e6,
            failure_probability=0.0,
            compute_seconds={"s": 0.25},
        ),
    )


def test_a_slowdown_is_json_in_its_cell(tmp_path: Path) -> None:
    law = '"{""law"": ""lognormal"", ""sigma"": 0.3}"'
    head = "id,memory_bytes,uplink_bits_per_second,failure_probability,flops_per_second,link_slowdown"
    (device,) = read(tmp_path, f"{head}\ncam,1e6,1e6,0,1e9,{law}\n")
    assert device.is_random


def test_faults_name_row_and_column(tmp_path: Path) -> None:
    rows = ["cam,1e6,1e6,0.1,1e9,,,", "cam,,abc,7,1e9,1.5,,", "lamp,1e6,1e6", "tv,1e6,1e6,0.1,,,,"]
    assert refusal(tmp_path, "\n".join([HEAD, *rows])) == [
        'row 3, column id: found "cam"; allowed: an identifier that no other row has, and row 2 has it',
        "row 3, column count: found 1.5; allowed: a whole number",
        "row 3, column memory_bytes: found a blank cell; allowed: this field is required",
        'row 3, column uplink_bits_per_second: found "abc"; allowed: a number',
        "row 3, column failure_probability: found 7.0; allowed: a number below 1; 7 % is 0.07",
        "row 4: found 3 cells; allowed: 8, one a column",
        "row 5, column flops_per_second: found a blank cell; allowed: a rate, or compute_seconds in its place",
    ]


def test_a_comma_in_a_number_is_told_with_the_number_to_write(tmp_path: Path) -> None:
    head = "id;failure_probability;memory_bytes;uplink_bits_per_second;compute_seconds.s;flops_per_second"
    told = "a number with a decimal point and no comma"
    assert refusal(tmp_path, f"{head}\ncam;0,05;64,000;1e6;0,25;1,5e9") == [
        f'row 2, column flops_per_second: found "1,5e9"; allowed: {told}: 1.5e9',
        f'row 2, column compute_seconds.s: found "0,25"; allowed: {told}: 0.25',
        f'row 2, column memory_bytes: found "64,000"; allowed: {told}: 64.000, or 64000',
        f'row 2, column failure_probability: found "0,05"; allowed: {told}: 0.05',
    ]


def test_faults_of_columns_are_told_once(tmp_path: Path) -> None:
    assert refusal(tmp_path, "id,id,memory_byte\na,a,1\nb,b,2\n") == [
        "column id: found a second one; allowed: each column once",
        "column memory_bytes: found nothing; allowed: this field is required",
        "column uplink_bits_per_second: found nothing; allowed: this field is required",
        "column failure_probability: found nothing; allowed: this field is required",
        "column memory_byte: found an unknown column; allowed: only the fields of the format; "
        "did you mean memory_bytes?",
    ]
    assert refusal(tmp_path, "") == ["found an empty file; allowed: names of columns, and a row for each device"]
    assert refusal(tmp_path, f"{HEAD}\n\n") == ["found no rows; allowed: a row for each device"]


def test_a_frame_is_read_as_a_file_is() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "memory_bytes": ["1e6", 2**20],
            "uplink_bits_per_second": [1e6, 2e6],
            "failure_probability": [0.1, 0.2],
            "flops_per_second": [1e9, None],
            "compute_seconds.s": [float("nan"), 0.5],
            "count": [None, 3],
        },
        index=["first", "second"],
    )
    one, other = ro.devices_from_frame(frame)
    assert (one.memory_bytes, one.compute_seconds, other.count, other.flops_per_second) == (1e6, None, 3, None)
    frame.loc["second", "failure_probability"] = None
    with pytest.raises(ro.InputError, match="row second, column failure_probability: found a blank cell"):
        ro.devices_from_frame(frame)


def test_units_are_doubted_as_in_files(tmp_path: Path) -> None:
    with pytest.warns(ro.UnitWarning, match="memory_bytes"):
        read(tmp_path, "id,memory_bytes,uplink_bits_per_second,failure_probability,flops_per_second\na,512,1e6,0,1e9\n")
