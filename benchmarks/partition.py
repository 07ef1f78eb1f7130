"""The knowledge partition beside scikit-learn's spectral clustering, METIS and KaHIP, and its criteria side by side.

``python benchmarks/partition.py [--tables planted,shipped,...] [--graph FILE.npz --key NAME]``. The peers come with the
extra ``bench``; one that is not installed is left out, and the output says so. Every answer is checked, and valued by
the package's own normalised cut; the answers of peers are made and timed in processes of their own.

Tables: ``network`` (a graph of one's own, by ``--graph``), ``planted`` (planted partitions from easy to drowned in
noise), ``scale`` (2,048 filters), ``shipped`` (criteria on the shipped graphs) and ``frontier`` (normalised cut against
class evidence left when a part is lost). The exit status is 1 where a bound contradicts a valid partition.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from peers.contest import OURS, Duel, Entry, Graph, PeerStanding, Standing, contest, contradictions, standings
from peers.medians import spread
from peers.partitioners import MODULES, VARIANTS, installed
from peers.planted import planted
from peers.tables import figure, percent, show, spread_text

import rocoin_opt as ro
from rocoin_opt.documents import write_text
from rocoin_opt.knowledge.criteria import CRITERIA, class_evidence, evidence_lost
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.knowledge.sizes import contiguous_partition, equal_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
NETWORK_PARTS = (2, 3, 4, 6, 8)
NOISE = (0.2, 0.4, 0.6, 0.8)
"""From blocks that every good method finds to blocks that none does."""
KINDS = ["free", "prescribed", "equal"]
"""Sizes of the parts: free; those planted; those planted where all blocks are equal. KaHIP takes the last kind only."""
SPARSE_NEIGHBOURS = 25
"""Of each filter inside of its block, about."""
SCALE_NOISE = {"dense": 0.4, "sparse": 0.02}
QUICK_LIMIT = 3.0
"""Seconds; KaHIP asked for parts of exactly equal size takes more even for the smallest graphs."""
EVIDENCE_PARTS = 4
EVIDENCE_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
RANDOM_SEEDS = 20
CONTESTS = ("network", "planted", "scale")
TABLES = (*CONTESTS, "shipped", "frontier")
TEXT_COLUMNS = {"graphs", "graph", "criterion", "sizes", "peer", "variant", "not valid", *MODULES}


def main() -> None:
    """Run, print and store."""
    options = _parser().parse_args()
    if options.quick:
        options.seeds, options.filters, options.parts, options.limit = [0], [32], [2], QUICK_LIMIT
    tables = options.tables or [name for name in TABLES if name != "network" or options.graph is not None]
    unknown = [name for name in tables if name not in TABLES]
    if unknown:
        sys.exit(f"unknown table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    if "network" in tables and options.graph is None:
        sys.exit("the table network needs --graph FILE.npz")
    for peer in MODULES:
        if not installed(peer):
            print(f"{peer} is not installed (extra bench): it is not measured", file=sys.stderr)
    # What the package imports on its way is not timed, as little as what the peers import.
    ro.partition(planted(32, 2, 0.1, 0).weights, 2, criterion="resilient")
    entries: list[Entry] = []
    criteria: list[Judged] = []
    for table in tables:
        if table in CONTESTS:
            found, duels = contest(_graphs(table, options), _variants(options), options.limit, _tell)
            entries += found
            _print_contest(table, found, duels, markdown=options.markdown)
        else:
            judged = list(_shipped(options) if table == "shipped" else _frontier(options))
            criteria += judged
            rows = [_judged_row(row) for row in judged]
            show(TITLES[table], CRITERIA_HEADER, rows, TEXT_COLUMNS, markdown=options.markdown)
        if options.out is not None:
            write_text(options.out, json.dumps(_document(options, entries, criteria), indent=1) + "\n")
    faults = contradictions(entries)
    for fault in faults:
        print(f"contradiction: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=_names, metavar="T,T,...", help="default: all that can be made")
    parser.add_argument("--graph", type=Path, metavar="FILE.npz", help="a dense graph, M x M")
    parser.add_argument("--key", default="weights", metavar="NAME", help="its array in the file; default weights")
    parser.add_argument("--affinity-key", metavar="NAME", help="class affinity in the file, C x M, for the frontier")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2], metavar="N,N,...", help="default 0,1,2")
    parser.add_argument("--filters", type=_numbers, default=[128, 256], metavar="N,N,...", help="of planted graphs")
    parser.add_argument("--parts", type=_numbers, default=[4, 8], metavar="N,N,...", help="of planted graphs")
    parser.add_argument("--kinds", type=_names, default=KINDS, metavar="S,S,...", help="of planted graphs' part sizes")
    parser.add_argument("--peers", type=_names, default=list(MODULES), metavar="P,P,...")
    parser.add_argument("--skip", metavar="TEXT", help="leave out variants with this in their names, such as strong")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="of a call of a peer; default 60")
    parser.add_argument("--quick", action="store_true", help="everything tiny, to see whether it works")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write everything measured, after each table")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables for terminals")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _variants(options: argparse.Namespace) -> list[Any]:
    """The variants of the peers that are asked for; one of each peer and kind where it must be quick."""
    chosen = [variant for variant in VARIANTS if variant.peer in options.peers and installed(variant.peer)]
    chosen = [variant for variant in chosen if options.skip is None or options.skip not in variant.name]
    if not options.quick:
        return chosen
    first = {(variant.peer, variant.prescribed): variant for variant in reversed(chosen)}
    return [variant for variant in chosen if variant in first.values()]


def _graphs(table: str, options: argparse.Namespace) -> Iterator[Graph]:
    if table == "network":
        return _network_graphs(options)
    return _planted_graphs(options) if table == "planted" else _scale_graphs(options)


def _network_graphs(options: argparse.Namespace) -> Iterator[Graph]:
    with np.load(options.graph, allow_pickle=False) as arrays:
        weights = np.asarray(arrays[options.key], dtype=np.float64)
    for parts in NETWORK_PARTS[:1] if options.quick else NETWORK_PARTS:
        for seed in options.seeds:
            yield Graph(f"{parts} parts", f"seed {seed}", weights, parts, None, seed)


def _planted_graphs(options: argparse.Namespace) -> Iterator[Graph]:
    """Free sizes, the planted sizes, and the planted sizes of blocks of equal size."""
    for filters in options.filters:
        for parts in options.parts:
            for kind in options.kinds:
                for noise in NOISE[:1] if options.quick else NOISE:
                    for seed in options.seeds:
                        made = planted(filters, parts, noise, seed, equal=kind == "equal")
                        sizes = None if kind == "free" else made.sizes
                        group = f"M={filters}, K={parts}, {kind} sizes, noise {noise:g}"
                        yield Graph(group, f"seed {seed}", made.weights, parts, sizes, seed, made.labels)


def _scale_graphs(options: argparse.Namespace) -> Iterator[Graph]:
    filters, parts = (64, 4) if options.quick else (2048, 16)
    for kind, noise in SCALE_NOISE.items():
        density = None if kind == "dense" else min(1.0, SPARSE_NEIGHBOURS * parts / filters)
        for seed in options.seeds[:1]:
            made = planted(filters, parts, noise, seed, density=density)
            yield Graph(
                f"{kind}, M={filters:,}, K={parts}", f"seed {seed}", made.weights, parts, None, seed, made.labels
            )


def _tell(entry: Entry) -> None:
    name = " ".join(filter(None, (entry.method, entry.variant)))
    found = entry.note or f"Ncut {figure(entry.value)}"
    spent = "" if entry.seconds is None else f" in {entry.seconds:.2f} s"
    print(f"{entry.group}, {entry.graph}: {name}: {found}{spent}", file=sys.stderr, flush=True)


def _print_contest(table: str, entries: Sequence[Entry], duels: Sequence[Duel], *, markdown: bool) -> None:
    header = ("graphs", OURS, "bound", "gap", "seconds", *MODULES, "planted", "ours/best", "win-tie-loss")
    rows = [_standing_row(standing) for standing in standings(duels)]
    show(TITLES[table], header, rows, TEXT_COLUMNS, markdown=markdown)
    header = ("peer", "variant", "asked", "valid", "Ncut / ours", "seconds", "not valid")
    show("All variants of the peers", header, _variant_rows(entries), TEXT_COLUMNS, markdown=markdown)
    verdicts = [duel.verdict for duel in duels]
    ratios = [duel.ratio for duel in duels if duel.ratio is not None]
    mean = f", mean ratio of Ncut to the best peer's {statistics.mean(ratios):.5f}" if ratios else ""
    print(f"{verdicts.count('win')} wins, {verdicts.count('tie')} ties, {verdicts.count('loss')} losses{mean}")
    for duel in duels:
        if duel.verdict == "loss" and duel.rival is not None:
            print(
                f"lost: {duel.ours.group}, {duel.ours.graph}: {figure(duel.ours.value)} {duel.ours.note}, "
                f"{duel.rival.method} ({duel.rival.variant}) has {figure(duel.rival.value)}"
            )
    print()


def _standing_row(standing: Standing) -> list[str]:
    return [
        standing.group,
        spread_text(standing.value, lambda value: f"{value:.4f}"),
        "-" if standing.bound is None else f"{standing.bound[0]:.4f}",
        "-" if standing.gap is None else percent(standing.gap[0]),
        spread_text(standing.seconds, lambda seconds: f"{seconds:.2f}"),
        *(_peer_cell(standing.peers[peer]) for peer in MODULES),
        "-" if standing.planted is None else f"{standing.planted[0]:.4f}",
        spread_text(standing.ratio, lambda ratio: f"{ratio:.5f}"),
        f"{standing.wins}-{standing.ties}-{standing.losses}",
    ]


def _peer_cell(standing: PeerStanding) -> str:
    if standing.value is None or standing.seconds is None:
        return "-"
    return f"{standing.value[0]:.4f}, {standing.seconds[0]:.2f} s ({standing.variant})"


def _variant_rows(entries: Sequence[Entry]) -> list[list[str]]:
    ours = {(entry.group, entry.graph): entry.value for entry in entries if entry.method == OURS}
    together: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.method != OURS:
            together.setdefault((entry.method, entry.variant), []).append(entry)
    rows = []
    for (peer, variant), members in together.items():
        valid = [entry for entry in members if entry.value is not None]
        ratios = spread(
            entry.value / reference for entry in valid if (reference := ours[entry.group, entry.graph]) and entry.value
        )
        notes = [entry.note for entry in members if entry.note]
        rows.append(
            [
                *(peer, variant, f"{len(members)}", f"{len(valid)}"),
                spread_text(ratios, lambda ratio: f"{ratio:.4f}"),
                spread_text(spread(entry.seconds for entry in members), lambda seconds: f"{seconds:.2f}"),
                "; ".join(f"{note} ({notes.count(note)})" for note in dict.fromkeys(notes)) or "-",
            ]
        )
    return rows


@dataclasses.dataclass(frozen=True)
class Judged:
    """A partition as two criteria see it: normalised cut, and the worst class evidence left without one part."""

    graph: str
    criterion: str
    sizes: str
    ncut: float
    evidence_left: float
    seconds: float | None = None
    gap: float | None = None


TITLES = {
    "network": "Network, free sizes: medians over seeds (smallest..largest)",
    "planted": "Planted partitions: medians over seeds (smallest..largest)",
    "scale": "Many filters, free sizes",
    "shipped": f"Criteria on the shipped graphs, {EVIDENCE_PARTS} parts",
    "frontier": f"Normalised cut against class evidence, by the weight of the evidence, {EVIDENCE_PARTS} parts",
}
CRITERIA_HEADER = ("graph", "criterion", "sizes", "Ncut", "evidence left", "seconds", "gap")


def _judged_row(row: Judged) -> list[str]:
    seconds = "-" if row.seconds is None else f"{row.seconds:.2f}"
    return [
        row.graph,
        row.criterion,
        row.sizes,
        f"{row.ncut:.4f}",
        f"{row.evidence_left:.4f}",
        seconds,
        percent(row.gap),
    ]


def _shipped(options: argparse.Namespace) -> Iterator[Judged]:
    """Every criterion on every shipped graph, sizes free and equal, and random parts of equal sizes."""
    graphs = list(_shipped_graphs())
    for name, weights, affinity in graphs[:1] if options.quick else graphs:
        equal = equal_sizes(len(weights), EVIDENCE_PARTS)
        for criterion in CRITERIA:
            # Free sizes make the smallest cut that of a single filter.
            for sizes in (equal,) if criterion == "cut" else (None, equal):
                yield _judged(name, weights, affinity, criterion, sizes)
        yield from _random_parts(name, weights, affinity, equal)


def _frontier(options: argparse.Namespace) -> Iterator[Judged]:
    """``resilient`` by its weight of the evidence, sizes free: on the network where given, else on shipped graphs."""
    graphs = list(_shipped_graphs())
    if options.affinity_key is not None and options.graph is not None:
        with np.load(options.graph, allow_pickle=False) as arrays:
            given = [np.asarray(arrays[key], dtype=np.float64) for key in (options.key, options.affinity_key)]
        graphs = [("network", given[0], given[1])]
    for name, weights, affinity in graphs[:1] if options.quick else graphs:
        for share in EVIDENCE_WEIGHTS[::5] if options.quick else EVIDENCE_WEIGHTS:
            yield _judged(name, weights, affinity, "resilient", None, share)


def _shipped_graphs() -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    for path in sorted(INSTANCES.glob("*/*.npz")):
        knowledge = ro.read_instance(path.with_suffix(".json")).knowledge
        if knowledge.graph is not None and knowledge.class_affinity is not None:
            yield path.stem, knowledge.graph.dense(knowledge.num_filters), knowledge.class_affinity.values


def _judged(
    name: str,
    weights: NDArray[np.float64],
    affinity: NDArray[np.float64],
    criterion: str,
    sizes: Sequence[int] | None,
    share: float | None = None,
) -> Judged:
    start = time.perf_counter()
    chosen = {} if share is None else {"evidence_weight": share}
    found = ro.partition(weights, EVIDENCE_PARTS, sizes, criterion, affinity, **chosen)
    seconds = time.perf_counter() - start
    shown = criterion if share is None else f"{criterion}, weight {share:g}"
    of_sizes = "free" if sizes is None else "equal"
    left = _evidence_left(affinity, found.labels)
    return Judged(name, shown, of_sizes, ncut(weights, found.labels), left, seconds, found.gap)


def _random_parts(
    name: str, weights: NDArray[np.float64], affinity: NDArray[np.float64], equal: tuple[int, ...]
) -> Iterator[Judged]:
    dealt = contiguous_partition(equal)
    drawn = [np.random.default_rng(seed).permutation(dealt) for seed in range(RANDOM_SEEDS)]
    cuts = [ncut(weights, labels) for labels in drawn]
    left = [_evidence_left(affinity, labels) for labels in drawn]
    yield Judged(name, f"random, mean of {RANDOM_SEEDS}", "equal", statistics.mean(cuts), statistics.mean(left))
    best = int(np.argmax(left))
    yield Judged(name, f"random, most evidence of {RANDOM_SEEDS}", "equal", cuts[best], left[best])


def _evidence_left(affinity: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return 1.0 - float(evidence_lost(class_evidence(affinity), labels).max())


def _document(options: argparse.Namespace, entries: Sequence[Entry], criteria: Sequence[Judged]) -> dict[str, Any]:
    """Everything that was measured, with what it was measured by."""
    packages = {"scikit-learn": "scikit-learn", "METIS": "pymetis", "KaHIP": "kahip"}
    peers = {peer: importlib.metadata.version(packages[peer]) if installed(peer) else None for peer in MODULES}
    return {
        "settings": {key: value for key, value in vars(options).items() if key not in ("graph", "out")},
        "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
        "versions": {**ro.versions(), **peers},
        "entries": [dataclasses.asdict(entry) for entry in entries],
        "criteria": [dataclasses.asdict(row) for row in criteria],
    }


if __name__ == "__main__":
    main()
