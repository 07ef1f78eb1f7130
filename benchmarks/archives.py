"""Public archives of skiving stock, or bin covering: how many groups of a fleet are proven, and how fast.

``python benchmarks/archives.py ARCHIVE`` takes the folder of an archive that is not shipped: a copy of
github.com/INFORMSJoC/2023.0399, with published values and seconds, or of github.com/wotzlaff/ssp-data, without. Each
instance becomes a fleet, see ``peers/skiving.py``. A seeded sample of each class is solved by ``max_groups``, which is
told nothing; then ``exact`` and the peers are asked for a plan with the published number of groups, or with the number
found where none is published: half of the question, as they need not prove that there are no more. Peers come with the
extra ``bench`` and run as processes of their own. The exit status is 1 where a number contradicts a published proof.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.measure import MONOLITHIC, PEERS, Limits, measure, peer_version
from peers.medians import spread
from peers.skiving import WITH_RESULTS, Stock, fleet_of, sampled
from peers.tables import show, spread_text
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

OURS = "max_groups"
SAMPLES = {"A1": 120, "A2": 40, "Scholl": 40, "Falkenauer U": 40, "Falkenauer T": 40, "AI, ANI": 20}
LIMITS = {"A1": 10.0, "AI, ANI": 120.0}
USUAL_LIMIT = 60.0
METHODS = ["exact", "cp-sat", "scip", "linopy"]


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Solve the samples of all classes."""
    if options.archive is None:
        sys.exit("name the folder of an archive, or --from a document")
    python = sys.executable
    missing = [name for name in options.methods if name in PEERS and peer_version(python, PEERS[name].package) is None]
    for name in missing:
        print(f"{name} is not installed (extra bench): it is not measured", file=sys.stderr)
    # What is imported and compiled at the first solve of a process is no instance's doing.
    first = ro.generate("tight", devices=60)
    ro.max_groups(first)
    ro.solve(first, latency_only=True, explain=False)
    found = []
    for kind in options.classes:
        limit = options.time_limit or LIMITS.get(kind, USUAL_LIMIT)
        number = options.sample or SAMPLES[kind]
        for place, stock in enumerate(sampled(options.archive, kind, number, options.seed)):
            asked = [name for name in options.methods if name not in missing]
            asked = [name for name in asked if name not in MONOLITHIC or place < options.peers]
            found.append({"class": kind, "limit": limit, **_measured(stock, limit, asked)})
            print(_line(found[-1]), file=sys.stderr, flush=True)
    return found


def _measured(stock: Stock, limit: float, methods: Iterable[str]) -> dict[str, Any]:
    """What we, and others, make of one instance."""
    ours = ro.max_groups(fleet_of(stock, 1), time_limit=limit)
    groups = stock.published or ours.number
    return {
        "instance": stock.name,
        "items": len(stock.items),
        "length": stock.length,
        "published": stock.published,
        "is_proven": stock.is_proven,
        "published_seconds": stock.seconds,
        "groups": ours.number,
        "bound": ours.upper_bound,
        "seconds": round(ours.wall_seconds, 3),
        "plans": {name: _plan(fleet_of(stock, groups), name, limit) for name in methods} if groups else {},
    }


def _plan(fleet: ro.Instance, method: str, limit: float) -> dict[str, Any]:
    """How a method ended that was asked for a plan with so many groups."""
    if method not in PEERS:
        result = ro.solve(fleet, method, "worst", time_limit=limit, latency_only=True, explain=False)
        return {"termination": result.termination, "seconds": round(result.wall_seconds, 3)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.json"
        ro.write_instance(path, fleet)
        found = measure(path, method, "worst", Limits(limit, threads=1, workers=1), sys.executable)
    return {"termination": found.termination, "seconds": found.seconds, "note": found.note}


def _line(row: dict[str, Any]) -> str:
    plans = ", ".join(
        f"{name} {plan['termination']} {_seconds(plan['seconds'])}" for name, plan in row["plans"].items()
    )
    return (
        f"{row['class']}: {row['instance']}, {row['items']} items, published {_whole(row['published'])} in "
        f"{_seconds(row['published_seconds'])} s; {row['groups']} of at most {row['bound']} in "
        f"{_seconds(row['seconds'])} s; {plans}"
    )


def show_tables(found: Document, *, markdown: bool) -> None:
    """Each class, what others find of it, and the instances that are not proven."""
    rows = found["results"]
    kinds = list(dict.fromkeys(row["class"] for row in rows))
    of_kind = {kind: [row for row in rows if row["class"] == kind] for kind in kinds}
    show(
        "The most groups, with the seconds of max_groups: medians (smallest..largest)",
        [
            "class",
            "instances",
            "items",
            "limit",
            "proven",
            "seconds",
            "off by one group",
            "by more",
            "proven by the reference",
            "its seconds",
        ],
        [_class_cells(kind, chosen) for kind, chosen in of_kind.items()],
        ["class"],
        markdown=markdown,
    )
    methods = list(dict.fromkeys(name for row in rows for name in row["plans"]))
    show(
        "Plans with the published number of groups: how many were found within the limit, and in how many seconds",
        ["class", *methods],
        [[kind, *(_plan_cell(chosen, name) for name in methods)] for kind, chosen in of_kind.items()],
        ["class"],
        markdown=markdown,
    )
    show(
        "Not proven",
        ["class", "instance", "items", "L", "groups", "bound", "seconds", "published", "its seconds"],
        [_open_cells(row) for row in rows if not _is_proven(row)],
        ["class", "instance"],
        markdown=markdown,
    )


def _class_cells(kind: str, rows: list[dict[str, Any]]) -> list[str]:
    proven = sum(map(_is_proven, rows))
    missed = [row["bound"] - row["groups"] for row in rows if not _is_proven(row)]
    return [
        kind,
        str(len(rows)),
        spread_text(spread(row["items"] for row in rows), lambda items: f"{items:.0f}"),
        f"{rows[0]['limit']:g} s",
        f"{proven} of {len(rows)}",
        spread_text(spread(row["seconds"] for row in rows), _seconds),
        str(missed.count(1)),
        str(len(missed) - missed.count(1)),
        f"{sum(row['is_proven'] for row in rows)} of {len(rows)}",
        spread_text(spread(row["published_seconds"] for row in rows), _seconds),
    ]


def _plan_cell(rows: list[dict[str, Any]], method: str) -> str:
    plans = [row["plans"][method] for row in rows if method in row["plans"]]
    if not plans:
        return "-"
    seconds = [plan["seconds"] for plan in plans if plan["termination"] in ("optimal", "feasible")]
    shown = "" if not seconds else f", {spread_text(spread(seconds), _seconds)} s"
    return f"{len(seconds)} of {len(plans)}{shown}"


def _open_cells(row: dict[str, Any]) -> list[str]:
    return [
        row["class"],
        row["instance"],
        str(row["items"]),
        str(row["length"]),
        str(row["groups"]),
        str(row["bound"]),
        _seconds(row["seconds"]),
        _whole(row["published"]),
        _seconds(row["published_seconds"]),
    ]


def _is_proven(row: dict[str, Any]) -> bool:
    return bool(row["groups"] == row["bound"])


def _whole(number: int | None) -> str:
    return "-" if number is None else str(number)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def faults(found: Document) -> list[str]:
    """Numbers that cannot be true together with what is published, or with each other."""
    wrong = []
    for row in found["results"]:
        published, where = row["published"], f"{row['class']}, {row['instance']}"
        if row["groups"] > row["bound"]:
            wrong.append(f"{where}: {row['groups']} groups and a bound of {row['bound']}")
        if published is not None and row["bound"] < published:
            wrong.append(f"{where}: a bound of {row['bound']}, and {published} groups are published")
        if published is not None and row["is_proven"] and row["groups"] > published:
            wrong.append(f"{where}: {row['groups']} groups, and {published} are published as the most")
        wrong += [
            f"{where}: {name} says that there is no plan of {published} groups"
            for name, plan in row["plans"].items()
            if plan["termination"] == "infeasible" and published is not None
        ]
    return wrong


QUICK = {"classes": ["A1"], "sample": 2, "time_limit": 2.0, "methods": ["exact"]}
SCRIPT = Script("archives", measured, show_tables, faults, quick=QUICK, packages=("ortools", "pyscipopt", "linopy"))


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("archive", nargs="?", type=Path, metavar="ARCHIVE", help="folder of an archive")
    parser.add_argument("--classes", type=lambda text: text.split(";"), default=list(WITH_RESULTS), metavar="C;C;...")
    parser.add_argument("--sample", type=int, metavar="N", help="instances of each class; default: more of A1")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the samples")
    parser.add_argument("--time-limit", type=float, metavar="S", help="10 for A1, 120 for AI and ANI, else 60")
    parser.add_argument("--methods", type=names, default=METHODS, metavar="M,M,...", help="asked for a plan")
    parser.add_argument(
        "--peers", type=int, default=5, metavar="N", help="instances of each class for peers; default 5"
    )
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
