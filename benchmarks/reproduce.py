"""Make every table and figure of the pages again: one study after another, each in a process of its own.

``python benchmarks/reproduce.py [--only NAME,...]`` measures into ``benchmarks/results`` and renders into
``docs/results``, which the pages take in. ``--render`` renders what is stored, ``--quick`` does everything in its
smallest form in a temporary folder, ``--list`` says what there is and how long it took. A study that fails does not
stop the others; the exit status is 1, and the last lines say which.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from measurement import REPOSITORY, duration_text
from peers.tables import show
from script import names

from rocoin_opt.writing import write_text

BENCHMARKS = REPOSITORY / "benchmarks"
DOCUMENTS = BENCHMARKS / "results"
FRAGMENTS = REPOSITORY / "docs" / "results"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""For the quick round, where cores are few and busy; else everybody has the threads that they take by default."""


@dataclass(frozen=True)
class Study:
    """A document, and the fragment of a page that it is rendered to.

    Attributes
    ----------
    name : str
        Stem of both.
    makes : str
        What the fragment shows.
    script : str
        Stem of the script.
    options : tuple of str
        Of the full study.
    quick : tuple of str
        Beside ``--quick`` in the quick round.
    takes_graph : bool
        Whether it needs a graph that is not shipped.
    takes_archive : bool
        Whether it needs an archive of instances that is not shipped.
    takes_data : bool
        Whether it needs labelled images that are not shipped; a quick round does without.
    """

    name: str
    makes: str
    script: str
    options: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    takes_graph: bool = False
    takes_archive: bool = False
    takes_data: bool = False


def _partition(name: str, makes: str, tables: str, *options: str, takes_graph: bool = False) -> Study:
    asked = ("--tables", tables)
    return Study(f"partition-{name}", makes, "partition", (*asked, *options), asked, takes_graph)


STUDIES = (
    Study("batch", "what a batch run costs", "batch", ("--items", "4000", "--rows", "100000")),
    Study("simulation", "device-draws per second beside SimPy", "simulation"),
    Study("expected_plans", "plans for the expected answer time", "expected_plans", ("--time-limit", "60")),
    Study("whole_answer", "failure and missing share beside the baselines", "whole_answer"),
    Study("idle_devices", "what idle devices gain behind latency", "idle_devices"),
    Study("failure_domains", "what is proven where devices fail together", "failure_domains"),
    Study("kinds", "what is proven of fleets of alike devices", "kinds"),
    Study("measured_tables", "what planning by one rate per board costs", "measured_tables"),
    Study("channels", "what redundancy costs in airtime, planning blind, queues at work", "channels"),
    Study("channel_proofs", "what is proven of fleets that share channels", "channel_proofs"),
    Study("ablation", "what the parts of exact are worth", "ablation"),
    Study("heuristics", "heuristics beside the best known values", "heuristics"),
    _partition("network", "a graph of one's own beside the peers", "network", "--skip", "strong", takes_graph=True),
    _partition("planted", "planted graphs beside the peers", "planted", "--filters", "128", "--skip", "strong"),
    _partition("scale", "2,048 filters beside the peers", "scale", "--skip", "strong"),
    _partition("criteria", "criteria and frontier", "shipped,frontier"),
    Study("side_by_side", "exact beside CP-SAT, SCIP, linopy and milp", "side_by_side", ("--preset", "table")),
    Study(
        "fresh_fleets",
        "the same on fresh seeds, with the slowest",
        "side_by_side",
        ("--preset", "fresh", "--threads", "1", "--workers", "1"),
        ("--preset", "fresh", "--family", "lossy", "--devices", "24", "--seeds", "0"),
    ),
    Study("archives", "the most groups of public archives", "archives", takes_archive=True),
    Study("study", "all methods on seeded instances", "study"),
    Study("workers", "what searches in several processes are worth to exact", "workers"),
    Study("large_fleets", "time and memory of 100,000 devices", "large_fleets"),
    Study("time_limits", "by how much time limits are exceeded", "time_limits", ("--sample", "0.1")),
    Study("execution", "plans at work as processes", "execution"),
    Study("pipeline", "from a teacher to measured accuracy", "pipeline"),
    Study("capacity", "how large a part a student learns", "capacity"),
    Study("cifar", "the paper's experiment on CIFAR-10, on a GPU: no page has it yet", "cifar", takes_data=True),
)


def main() -> int:
    """Measure and render what is asked for."""
    options = _parser().parse_args()
    if options.list:
        _list()
        return 0
    chosen = _chosen(options)
    if not options.quick:
        return report(reproduce(chosen, options, DOCUMENTS, FRAGMENTS))
    with tempfile.TemporaryDirectory(prefix="reproduce-") as folder:
        return report(reproduce(chosen, options, Path(folder), Path(folder)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names, metavar="NAME,...", help="these studies; default: all")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="everything tiny, into a temporary folder")
    how.add_argument("--render", action="store_true", help="only from the stored documents")
    how.add_argument("--list", action="store_true", help="name, what it makes, how long it took")
    parser.add_argument("--graph", type=Path, metavar="FILE.npz", help="for partition-network; see there")
    parser.add_argument("--archive", type=Path, metavar="FOLDER", help="for archives; see there")
    parser.add_argument("--data", metavar="PATH", help="CIFAR-10, for cifar; see there")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where cifar keeps what it has trained")
    parser.add_argument("--key", default="weights", metavar="NAME", help="of its array in the file; default weights")
    return parser


def _chosen(options: argparse.Namespace) -> list[Study]:
    known = [study.name for study in STUDIES]
    unknown = [name for name in options.only or [] if name not in known]
    if unknown:
        sys.exit(f"unknown study {', '.join(unknown)}; there are {', '.join(known)}")
    return [study for study in STUDIES if options.only is None or study.name in options.only]


def reproduce(studies: list[Study], options: argparse.Namespace, documents: Path, fragments: Path) -> dict[str, str]:
    """Measure and render; returns what went wrong, by study."""
    wrong: dict[str, str] = {}
    for study in studies:
        stored = documents / f"{study.name}.json"
        if not options.render:
            if study.takes_graph and options.graph is None:
                print(f"{study.name}: left out, it needs --graph FILE.npz", flush=True)
                continue
            if study.takes_archive and options.archive is None:
                print(f"{study.name}: left out, it needs --archive FOLDER", flush=True)
                continue
            if study.takes_data and options.data is None and not options.quick:
                print(f"{study.name}: left out, it needs --data PATH", flush=True)
                continue
            started = time.perf_counter()
            fault = _measure(study, stored, options)
            spent = duration_text(time.perf_counter() - started)
            print(f"{study.name}: {fault or 'measured'} after {spent}", flush=True)
            if fault:
                wrong[study.name] = fault
        if not stored.exists():
            if options.render:
                print(f"{study.name}: nothing stored", flush=True)
            continue
        status, text = rendered(study, stored, fragments)
        if status != 0:
            wrong.setdefault(study.name, f"rendering ended with status {status}")
        if text.strip():
            write_text(fragments / f"{study.name}.md", text)
        else:
            wrong.setdefault(study.name, "there is nothing to show")
    return wrong


def _measure(study: Study, stored: Path, options: argparse.Namespace) -> str:
    """Run a study; what went wrong, or nothing."""
    asked = ("--quick", *study.quick) if options.quick else study.options
    if study.takes_graph:
        asked = (*asked, "--graph", str(options.graph.resolve()), "--key", options.key)
    if study.takes_archive:
        asked = (str(options.archive.resolve()), *asked)
    if study.takes_data:
        kept = ("--folder", str(options.folder.resolve())) if options.folder is not None else ()
        asked = (*(() if options.data is None else (str(Path(options.data).resolve()),)), *asked, *kept)
    command = [sys.executable, str(BENCHMARKS / f"{study.script}.py"), *asked, "--out", str(stored)]
    environment = os.environ | (ONE_THREAD if options.quick else {})
    done = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=REPOSITORY, env=environment, check=False)
    return f"ended with status {done.returncode}" if done.returncode else ""


def rendered(study: Study, stored: Path, figures: Path) -> tuple[int, str]:
    """Exit status and Markdown of a study's script for a stored document; the figures are drawn into a folder.

    The script runs in this process: what it imports takes longer than its tables.
    """
    figures.mkdir(parents=True, exist_ok=True)
    text, given = io.StringIO(), sys.argv
    sys.argv = [f"{study.script}.py", "--from", str(stored), "--markdown", "--figures", str(figures)]
    try:
        with contextlib.redirect_stdout(text):
            importlib.import_module(study.script).main()
    except SystemExit as ended:
        return int(bool(ended.code)), text.getvalue()
    except Exception:
        traceback.print_exc()
        return 1, text.getvalue()
    finally:
        sys.argv = given
    return 0, text.getvalue()


def report(wrong: dict[str, str]) -> int:
    for name, fault in wrong.items():
        print(f"FAILED: {name}: {fault}", file=sys.stderr)
    return 1 if wrong else 0


def _list() -> None:
    rows = []
    for study in STUDIES:
        stored = DOCUMENTS / f"{study.name}.json"
        found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
        seconds = found.get("duration_seconds")
        took = "-" if seconds is None else duration_text(seconds)
        rows.append([study.name, study.makes, found.get("measured", "-"), took])
    show("Studies", ("name", "makes", "measured", "took"), rows, {"name", "makes", "measured"}, markdown=False)


if __name__ == "__main__":
    sys.exit(main())
