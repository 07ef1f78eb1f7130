"""Tables of the demonstration: figures over seeds, marks, Markdown and CSV."""

from __future__ import annotations

import csv
import io

from rich.console import Console

from rocoin_opt.report.pipeline import Sheet, pipeline_csv, pipeline_markdown, pipeline_sheets, print_pipeline


def row(name: str, method: str, criterion: str, shift: float = 0.0, limited: bool = True) -> dict[str, object]:
    metrics = {
        "guaranteed_seconds": 0.5 + shift,
        "expected_seconds": 0.25,
        "success_probability": 0.9,
        "ncut": 1.0 + shift,
    }
    return {
        "name": name,
        "method": method,
        "criterion": criterion,
        "keeps_outage_limit": limited,
        "sizes": [2, 1 + round(10 * shift)],
        "metrics": metrics,
        "evidence_left": 0.5,
        "all_parts": 0.8 + shift,
        "zero": {"without_each": [0.5, 0.25 + shift], "expected_accuracy": 0.75},
        "mean": {"without_each": [0.625, 0.75], "expected_accuracy": 0.78},
    }


def document(*shifts: float) -> dict[str, object]:
    seeds = [
        {
            "seed": seed,
            "teacher_accuracy": 0.9,
            "rows": [
                row("exact", "exact", "ncut", shift),
                row("nonn", "nonn", "ncut", limited=False),
                row("exact-resilient", "exact", "resilient", shift),
            ],
        }
        for seed, shift in enumerate(shifts)
    ]
    data = {"name": "stripes", "source": "made up", "sha256": "0123456789abcdef0123", "test_images": 9}
    versions = {"rocoin-opt": "0", "torch": "1"}
    return {"data": data, "teacher": "t, 6 epochs", "students": "s", "versions": versions, "seeds": seeds}


def cells(sheet: Sheet, first: str) -> dict[str, str]:
    found = next(row for row in sheet.rows if row[0] == first)
    return dict(zip(sheet.columns, found, strict=True))


def test_figures_of_one_seed_have_no_spread():
    networks, plans, partitions, missing = pipeline_sheets(document(0.0))
    assert networks.rows[2] == ("teacher less students, points", "10.00")
    exact = cells(plans, "exact")
    assert (exact["guaranteed"], exact["all parts"], exact["part sizes"]) == ("500 ms", "80.0 %", "2 + 1")
    assert cells(plans, "nonn*")["guaranteed"] == "-"
    assert [row[0] for row in plans.rows] == ["exact", "nonn*"]
    resilient = cells(partitions, "resilient")
    assert resilient["one missing, zero fill"] == "37.5 %"
    assert partitions.rows[1][5:8] == ("25.0 %", "68.8 %", "62.5 %")
    assert missing.rows[0] == ("0, ncut", "80.0 %", "50.0 % (2), 25.0 % (1)")


def test_several_seeds_give_mean_and_deviation():
    networks, plans, partitions, missing = pipeline_sheets(document(0.0, 0.1))
    assert networks.rows[1][1] == "85.0 ± 7.1 %"
    exact = cells(plans, "exact")
    assert exact["guaranteed"] == "550 ± 71 ms"
    assert exact["expected latency"] == "250 ms"
    assert exact["part sizes"] == "differ by seed"
    assert cells(partitions, "ncut")["normalised cut"] == "1.050 ± 0.071"
    assert len(missing.rows) == 4


def test_what_is_printed():
    stream = io.StringIO()
    print_pipeline(document(0.0), Console(file=stream, width=200))
    text = stream.getvalue()
    assert text.startswith("stripes (made up), 9 test images")
    assert "* without the outage limit" in text
    without = document(0.0)
    for run in without["seeds"]:
        del run["rows"][1]
    stream = io.StringIO()
    print_pipeline(without, Console(file=stream, width=200))
    assert "outage limit" not in stream.getvalue()
    assert "outage limit" not in pipeline_markdown(without)


def test_markdown_and_csv():
    markdown = pipeline_markdown(document(0.0, 0.1))
    assert "* Seeds: 0, 1." in markdown
    assert "rocoin-opt 0, torch 1" in markdown
    assert r"| nonn\* | - |" in markdown
    rows = list(csv.DictReader(io.StringIO(pipeline_csv(document(0.0, 0.1)))))
    assert len(rows) == 2 * 3 * 3
    assert rows[0]["zero_fill"] == "0.8"
    assert rows[0]["missing_part"] == ""
    assert (rows[2]["missing_part"], rows[2]["size"], rows[2]["zero_fill"], rows[2]["mean_fill"]) == (
        "1",
        "1",
        "0.25",
        "0.75",
    )
