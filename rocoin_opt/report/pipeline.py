"""Tables of the demonstration: for the terminal, for Markdown pages, and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from rocoin_opt.plan import plain_table, plain_text
from rocoin_opt.wording import NOTHING, common_unit, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console


@dataclass(frozen=True)
class Sheet:
    """A table in words: its title, its columns, and rows of texts as long as these."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """The table as Markdown, its title above; numbers stand right."""
        rule = "|---|" + "---:|" * (len(self.columns) - 1)
        return "\n".join(
            [f"**{self.title}**", "", _markdown_row(self.columns), rule, *map(_markdown_row, self.rows), ""]
        )


def pipeline_sheets(document: dict[str, Any]) -> tuple[Sheet, ...]:
    """Make the tables of a demonstration's document; with several seeds, figures are mean ± standard deviation.

    Parameters
    ----------
    document : dict
        As :func:`rocoin_opt.profiling.demo.demo_document` makes it.
    """
    runs = document["seeds"]
    names = [row["name"] for row in runs[0]["rows"]]
    by_name = {name: [row for run in runs for row in run["rows"] if row["name"] == name] for name in names}
    plans = [rows for rows in by_name.values() if rows[0]["criterion"] == "ncut"]
    partitions = [rows for rows in by_name.values() if rows[0]["method"] == "exact"]
    return (
        Sheet("Accuracy", ("network", "test accuracy"), tuple(_networks(runs, by_name["exact"]))),
        Sheet("Plans, parts cut by ncut", PLAN_COLUMNS, tuple(_plan_row(rows) for rows in plans)),
        Sheet(
            "Partitions: the exact plan, its parts filled by other criteria",
            PARTITION_COLUMNS,
            tuple(_partition_row(rows) for rows in partitions),
        ),
        Sheet("Accuracy without one part, zero fill", MISSING_COLUMNS, tuple(_missing_rows(runs))),
    )


def print_pipeline(document: dict[str, Any], console: Console) -> None:
    """Print what was measured, and on what."""
    data = document["data"]
    console.print(plain_text(f"{data['name']} ({data['source']}), {data['test_images']} test images"))
    for sheet in pipeline_sheets(document):
        console.print()
        console.print(plain_text(sheet.title, "bold"))
        table = plain_table(*sheet.columns[:1], numbers=sheet.columns[1:])
        for row in sheet.rows:
            table.add_row(*map(plain_text, row))
        console.print(table)
    if _has_unlimited(document):
        console.print(UNLIMITED)


def pipeline_markdown(document: dict[str, Any]) -> str:
    """The same as a Markdown text: what it was measured on, then the tables."""
    data, versions = document["data"], document["versions"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    seeds = ", ".join(str(run["seed"]) for run in document["seeds"])
    lines = [
        f"* Data: {data['name']} (sha256 {data['sha256'][:16]}…), {data['test_images']} test images.",
        f"* Teacher: {document['teacher']}. Students: {document['students']}.",
        f"* Seeds: {seeds}. Figures are mean ± standard deviation over them.",
        f"* Versions: {told}.",
    ]
    lines += ["", *(sheet.markdown for sheet in pipeline_sheets(document))]
    if _has_unlimited(document):
        lines += [UNLIMITED.replace("*", r"\*"), ""]
    return "\n".join(lines)


def pipeline_csv(document: dict[str, Any]) -> str:
    """One row a seed, plan and missing part (empty for none), with the accuracy under both fills."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("seed", "name", "method", "criterion", "missing_part", "size", "zero_fill", "mean_fill"))
    for run in document["seeds"]:
        for row in run["rows"]:
            head = (run["seed"], row["name"], row["method"], row["criterion"])
            writer.writerow((*head, "", "", row["all_parts"], row["all_parts"]))
            losses = zip(row["sizes"], row["zero"]["without_each"], row["mean"]["without_each"], strict=True)
            for part, (size, zero, mean) in enumerate(losses):
                writer.writerow((*head, part, size, zero, mean))
    return stream.getvalue()


UNLIMITED = "* without the outage limit, which this method cannot keep here"
PLAN_COLUMNS = (
    "method",
    "guaranteed",
    "expected latency",
    "success",
    "all parts",
    "expected accuracy, zero fill",
    "mean fill",
    "part sizes",
)
PARTITION_COLUMNS = (
    "criterion",
    "normalised cut",
    "evidence left",
    "all parts",
    "one missing, zero fill",
    "worst",
    "one missing, mean fill",
    "worst",
    "expected accuracy, zero fill",
)
MISSING_COLUMNS = ("seed and criterion", "all parts", "without each part (its size)")


def _networks(runs: list[dict[str, Any]], exact: list[dict[str, Any]]) -> Iterable[tuple[str, str]]:
    yield "teacher", _percent(run["teacher_accuracy"] for run in runs)
    yield "students of the exact plan, all parts", _percent(row["all_parts"] for row in exact)
    gaps = [run["teacher_accuracy"] - row["all_parts"] for run, row in zip(runs, exact, strict=True)]
    yield "teacher less students, points", _spread([100 * gap for gap in gaps], "{:.2f}".format)


def _plan_row(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    metrics = [row["metrics"] for row in rows]
    limited = all(row["keeps_outage_limit"] for row in rows)
    sizes = [" + ".join(map(str, row["sizes"])) for row in rows]
    guaranteed = [figures["guaranteed_seconds"] for figures in metrics]
    return (
        rows[0]["method"] + ("" if limited else "*"),
        # Without the outage limit a guarantee means nothing.
        _time_spread(guaranteed) if limited else NOTHING,
        _known([figures["expected_seconds"] for figures in metrics], _time_spread),
        _known([figures["success_probability"] for figures in metrics], partial(_spread, shown="{:.4f}".format)),
        _percent(row["all_parts"] for row in rows),
        _percent(row["zero"]["expected_accuracy"] for row in rows),
        _percent(row["mean"]["expected_accuracy"] for row in rows),
        sizes[0] if len(set(sizes)) == 1 else "differ by seed",
    )


def _partition_row(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    missing = []
    for fill in ("zero", "mean"):
        losses = [row[fill]["without_each"] for row in rows]
        missing += [_percent(map(fmean, losses)), _percent(map(min, losses))]
    return (
        rows[0]["criterion"],
        _spread([row["metrics"]["ncut"] for row in rows], "{:.3f}".format),
        _spread([row["evidence_left"] for row in rows], "{:.3f}".format),
        _percent(row["all_parts"] for row in rows),
        *missing,
        _percent(row["zero"]["expected_accuracy"] for row in rows),
    )


def _missing_rows(runs: list[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    for run in runs:
        for row in run["rows"]:
            if row["method"] == "exact":
                pairs = zip(row["zero"]["without_each"], row["sizes"], strict=True)
                each = ", ".join(f"{100 * accuracy:.1f} % ({size})" for accuracy, size in pairs)
                yield f"{run['seed']}, {row['criterion']}", f"{100 * row['all_parts']:.1f} %", each


def _percent(shares: Iterable[float]) -> str:
    return _spread([100 * share for share in shares], "{:.1f} %".format)


def _spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Mean, and the standard deviation to as many places where there are several values and they differ."""
    mean = shown(fmean(values))
    if len(set(values)) < 2:
        return mean
    number, space, unit = mean.partition(" ")
    places = len(number.partition(".")[2])
    return f"{number} ± {stdev(values):.{places}f}{space}{unit}"


def _known(values: Sequence[float | None], shown: Callable[[Sequence[float]], str]) -> str:
    """What is shown of figures, or nothing: without a deadline there is no success and no mean."""
    known = [value for value in values if value is not None]
    return shown(known) if len(known) == len(values) else NOTHING


def _time_spread(values: Sequence[float]) -> str:
    """The same of times, in one unit."""
    unit, length = common_unit([fmean(values)])
    return _spread([value / length for value in values], lambda value: f"{number(value)} {unit}")


def _has_unlimited(document: dict[str, Any]) -> bool:
    return any(not row["keeps_outage_limit"] for run in document["seeds"] for row in run["rows"])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('*', chr(92) + '*') for cell in cells)} |"
