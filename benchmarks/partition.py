"""The knowledge partition beside scikit-learn's spectral clustering, METIS and KaHIP, and its criteria side by side.

``python benchmarks/partition.py [--tables planted,shipped,...] [--graph FILE.npz --key NAME]``. The peers come with the
extra ``bench``; one that is not installed is left out, and the output says so. Every answer is checked, and valued by
the package's own normalised cut; the answers of peers are made and timed in processes of their own.

Tables: ``network`` (a graph of one's own, by ``--graph``), ``planted`` (planted partitions from easy to drowned in
noise), ``scale`` (2,048 filters), ``shipped`` (criteria on the shipped graphs) and ``frontier`` (normalised cut against
class evidence left when a part is lost). The exit status is 1 where a bound contradicts a valid partition.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from peers import evidence
from peers.contest import OURS, Duel, Entry, Graph, PeerStanding, Standing, contest, contradictions, duels, standings
from peers.medians import spread
from peers.partitioners import DISTRIBUTIONS, MODULES, VARIANTS, installed
from peers.planted import planted
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from matplotlib.figure import Figure

NETWORK_PARTS = (2, 3, 4, 6, 8)
NOISE = (0.2, 0.4, 0.6, 0.8)
"""From blocks that every good method finds to blocks that none does."""
KINDS = ["free", "prescribed", "equal"]
"""Sizes of the parts: free; those planted; those planted where all blocks are equal. KaHIP takes the last kind only."""
SPARSE_NEIGHBOURS = 25
"""Of each filter inside of its block, about."""
SCALE_NOISE = {"dense": 0.4, "sparse": 0.02}
QUICK_LIMIT = 1.0
"""Seconds; KaHIP asked for parts of exactly equal size takes more even for the smallest graphs."""
TITLES = {
    "network": "Network, free sizes: medians over seeds (smallest..largest)",
    "planted": "Planted partitions: medians over seeds (smallest..largest)",
    "scale": "Many filters, free sizes",
    "shipped": f"Criteria, {evidence.PARTS} parts: medians over the graphs (smallest..largest)",
    "frontier": f"By the weight of the evidence, {evidence.PARTS} parts: medians over the graphs (smallest..largest)",
}
CONTESTS = ("network", "planted", "scale")
TEXT_COLUMNS = {"graphs", "criterion", "sizes", "peer", "variant", "not valid", *MODULES}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every answer of the contests, and every partition that the criteria judge."""
    tables = options.tables or [name for name in TITLES if name != "network" or options.graph is not None]
    unknown = [name for name in tables if name not in TITLES]
    if unknown:
        sys.exit(f"unknown table {', '.join(unknown)}; there are {', '.join(TITLES)}")
    if "network" in tables and options.graph is None:
        sys.exit("the table network needs --graph FILE.npz")
    if set(tables) & set(CONTESTS):
        for peer in MODULES:
            if not installed(peer):
                print(f"{peer} is not installed (extra bench): it is not measured", file=sys.stderr)
    # What the package imports on its way is not timed, as little as what the peers import.
    ro.partition(planted(20, 2, 0.1, 0).weights, 2, criterion="resilient")
    found: dict[str, Any] = {"entries": {}, "criteria": {}}
    for table in tables:
        if table in CONTESTS:
            entries = contest(_graphs(table, options), _variants(options), options.limit, _tell)
            found["entries"][table] = list(map(dataclasses.asdict, entries))
        else:
            found["criteria"][table] = list(map(dataclasses.asdict, _judged(table, options)))
    return found


def show_tables(found: Document, *, markdown: bool) -> None:
    """The tables that a document holds, each with what it comes to."""
    for table, entries in _entries(found).items():
        _show_contest(table, entries, markdown=markdown)
    for table, judged in _criteria(found).items():
        if table == "shipped":
            rows = evidence.criteria_rows(judged)
            show(TITLES[table], evidence.HEADER, rows, TEXT_COLUMNS, markdown=markdown)
            print(f"{evidence.verdict(judged)}\n")
        else:
            rows = evidence.frontier_rows(judged)
            show(TITLES[table], evidence.FRONTIER_HEADER, rows, TEXT_COLUMNS, markdown=markdown)


def draw(found: Document) -> dict[str, Figure]:
    """The frontier, where a document holds it."""
    judged = _criteria(found)
    return {"partition-frontier": evidence.frontier_figure(judged["frontier"])} if "frontier" in judged else {}


def faults(found: Document) -> list[str]:
    """Bounds above the value of a valid partition."""
    return [fault for entries in _entries(found).values() for fault in contradictions(entries)]


def _entries(found: Document) -> dict[str, list[Entry]]:
    return {table: [Entry(**row) for row in rows] for table, rows in found["results"]["entries"].items()}


def _criteria(found: Document) -> dict[str, list[evidence.Judged]]:
    return {table: [evidence.Judged(**row) for row in rows] for table, rows in found["results"]["criteria"].items()}


def _judged(table: str, options: argparse.Namespace) -> Iterator[evidence.Judged]:
    """On the shipped graphs; the frontier on a graph of one's own where it is given with its affinities."""
    graphs = list(evidence.shipped_graphs())
    if options.quick:
        graphs = [evidence.corner(graphs[0], options.filters[0])]
    if table == "shipped":
        return evidence.criteria(graphs)
    if options.affinity_key is not None and options.graph is not None:
        with np.load(options.graph, allow_pickle=False) as arrays:
            given = [np.asarray(arrays[key], dtype=np.float64) for key in (options.key, options.affinity_key)]
        graphs = [evidence.Evidence("network", given[0], given[1])]
    return evidence.frontier(graphs, evidence.WEIGHTS[:: 5 if options.quick else 1])


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
        for seed in options.seeds:
            made = planted(filters, parts, noise, seed, density=density)
            yield Graph(
                f"{kind}, M={filters:,}, K={parts}", f"seed {seed}", made.weights, parts, None, seed, made.labels
            )


def _tell(entry: Entry) -> None:
    name = " ".join(filter(None, (entry.method, entry.variant)))
    found = entry.note or f"Ncut {figure(entry.value)}"
    spent = "" if entry.seconds is None else f" in {entry.seconds:.2f} s"
    print(f"{entry.group}, {entry.graph}: {name}: {found}{spent}", file=sys.stderr, flush=True)


def _show_contest(table: str, entries: Sequence[Entry], *, markdown: bool) -> None:
    fought = duels(entries)
    header = ("graphs", OURS, "bound", "gap", "seconds", *MODULES, "planted", "ours/best", "win-tie-loss")
    rows = [_standing_row(standing) for standing in standings(fought)]
    show(TITLES[table], header, rows, TEXT_COLUMNS, markdown=markdown)
    header = ("peer", "variant", "asked", "valid", "Ncut / ours", "seconds", "not valid")
    show("All variants of the peers", header, _variant_rows(entries), TEXT_COLUMNS, markdown=markdown)
    verdicts = [duel.verdict for duel in fought]
    ratios = [duel.ratio for duel in fought if duel.ratio is not None]
    mean = f"; mean ratio of Ncut to the best peer's {statistics.mean(ratios):.5f}" if ratios else ""
    print(f"{verdicts.count('win')} wins, {verdicts.count('tie')} ties, {verdicts.count('loss')} losses{mean}.\n")
    for lost in _losses(fought):
        print(f"Lost: {lost}\n")


def _losses(fought: Iterable[Duel]) -> list[str]:
    return [
        f"{duel.ours.group}, {duel.ours.graph}: {figure(duel.ours.value)} {duel.ours.note}, "
        f"{duel.rival.method} ({duel.rival.variant}) has {figure(duel.rival.value)}"
        for duel in fought
        if duel.verdict == "loss" and duel.rival is not None
    ]


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


QUICK = {"seeds": [0], "filters": [32], "parts": [2], "limit": QUICK_LIMIT}
SCRIPT = Script("partition", measure, show_tables, faults, QUICK, draw, tuple(DISTRIBUTIONS.values()))


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--tables", type=names, metavar="T,T,...", help="default: all that can be made")
    parser.add_argument("--graph", type=Path, metavar="FILE.npz", help="a dense graph, M x M")
    parser.add_argument("--key", default="weights", metavar="NAME", help="its array in the file; default weights")
    parser.add_argument("--affinity-key", metavar="NAME", help="class affinity in the file, C x M, for the frontier")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], metavar="N,N,...", help="default 0,1,2")
    parser.add_argument("--filters", type=numbers, default=[128, 256], metavar="N,N,...", help="of planted graphs")
    parser.add_argument("--parts", type=numbers, default=[4, 8], metavar="N,N,...", help="of planted graphs")
    parser.add_argument("--kinds", type=names, default=KINDS, metavar="S,S,...", help="of planted graphs' part sizes")
    parser.add_argument("--peers", type=names, default=list(MODULES), metavar="P,P,...")
    parser.add_argument("--skip", metavar="TEXT", help="leave out variants with this in their names, such as strong")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="of a call of a peer; default 60")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
