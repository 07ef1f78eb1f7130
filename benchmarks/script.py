"""What the scripts of this folder share: options, and the way from measuring to a document, its tables and figures."""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from measurement import document, provenance, read, settings_of, write

from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

Document: TypeAlias = dict[str, Any]
SHARED = ("out", "stored", "markdown", "figures", "quick", "earlier_seconds")


@dataclass(frozen=True)
class Script:
    """One benchmark.

    Attributes
    ----------
    name : str
        Stem of the script's file, which its documents bear.
    measure : callable
        Takes the options, returns plain data: what was measured, run by run.
    show : callable
        Takes a document and the key word ``markdown``, prints its tables. Medians are taken here.
    faults : callable
        Takes a document, names what contradicts itself in it.
    quick : mapping
        Options that ``--quick`` sets: the smallest honest run.
    figures : callable
        Takes a document, returns its figures by the stems of their files.
    packages : sequence of str
        Distributions of the peers, whose versions the document tells.
    """

    name: str
    measure: Callable[[argparse.Namespace], Any]
    show: Callable[..., None]
    faults: Callable[[Document], Sequence[str]] = lambda _: ()
    quick: Mapping[str, Any] = field(default_factory=dict)
    figures: Callable[[Document], Mapping[str, Figure]] = lambda _: {}
    packages: Sequence[str] = ()


def shared_options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every script has; a script adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write everything measured")
    parser.add_argument("--from", type=Path, dest="stored", metavar="FILE.json", help="show this, measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables for terminals")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw the figures, as SVG")
    parser.add_argument("--quick", action="store_true", help="everything tiny, to see whether it works")
    # What a run had taken before it broke off and was continued.
    parser.set_defaults(earlier_seconds=0.0)
    return parser


def names(text: str) -> list[str]:
    """Words, separated by commas."""
    return text.split(",")


def numbers(text: str) -> list[int]:
    """Whole numbers, separated by commas."""
    return [int(number) for number in text.split(",")]


def run(script: Script, parser: argparse.ArgumentParser) -> NoReturn:
    """Measure or read, keep, print, draw; end with status 1 where something contradicts itself."""
    options = parser.parse_args()
    if options.stored is not None:
        found = read(options.stored, script.name)
    else:
        if options.quick:
            parser.set_defaults(**script.quick)
            options = parser.parse_args()
        results = script.measure(options)
        settings = settings_of(vars(options), SHARED)
        found = document(script.name, settings, results, script.packages, options.earlier_seconds)
        if options.out is not None:
            write(options.out, found)
    script.show(found, markdown=options.markdown)
    print(provenance(found))
    if options.figures is not None:
        for name, figure in script.figures(found).items():
            write_figure(options.figures / f"{name}.svg", figure)
    faults = script.faults(found)
    for fault in faults:
        print(f"contradiction: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as SVG; the same figure is the same text, with no date in it."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "rocoin-opt", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())
