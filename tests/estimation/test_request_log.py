"""Logs of requests: read strictly, written as they are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.estimation import write_request_log
from rocoin_opt.estimation.request_log import read_request_log

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "request,device,sent_seconds,answered_seconds"
FULL = f"{HEAD},compute_seconds,bytes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "columns"),
        (HEAD, "row"),
        ("request,device,sent_seconds\n1,a,0\n", "answered_seconds"),
        (f"{HEAD},colour\n1,a,0,1,2\n", "colour"),
        (f"{HEAD}\n1,a,0\n", "line 2"),
        (f"{HEAD}\n1,c,0,1\n", '"c"'),
        (f"{HEAD}\n,a,0,1\n", "request"),
        (f"{HEAD}\n1,a,x,1\n", "sent_seconds"),
        (f"{HEAD}\n1,a,nan,1\n", "sent_seconds"),
        (f"{HEAD}\n1,a,2,1\n", "answered_seconds"),
        (f"{HEAD}\n1,a,0,1\n1,a,2,3\n", "line 3"),
        (f"{FULL}\n1,a,0,1,2,8\n", "compute_seconds"),
        (f"{FULL}\n1,a,0,1,.5,-8\n", "bytes"),
    ],
)
def test_a_faulty_log_is_refused_by_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "log.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ro.InputError) as caught:
        read_request_log(file, {"a", "b"})
    assert told in str(caught.value)
    assert "log.csv" in str(caught.value)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text('device,request,answered_seconds,sent_seconds\na,"x,1",1.5,1\nb,y,,2\n', encoding="utf-8")
    log = read_request_log(file, {"a", "b"})
    assert log.requests == ("x,1", "y")
    assert log.response[0] == 0.5
    assert math.isnan(log.response[1])
    write_request_log(file, log)
    again = read_request_log(file, {"a", "b"})
    assert (again.requests, again.devices) == (log.requests, log.devices)
    assert np.array_equal(again.answered, log.answered, equal_nan=True)
