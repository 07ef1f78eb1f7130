"""What answers are worth when parts are missing: accuracy for every subset of parts, and expected under failure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rocoin_opt.documents import readable_json
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure import (
    QueueAnswers,
    deadline_of,
    expected_accuracy,
    has_exact_answer,
    latency_distribution,
    simulate_arrivals,
)
from rocoin_opt.instance import without_channels
from rocoin_opt.plan import has_queues
from rocoin_opt.profiling.learning.placement import placed
from rocoin_opt.profiling.training import outputs
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.ensemble import Ensemble, Fill
    from rocoin_opt.profiling.images.datasets import Split

MAX_PARTS = 12
"""Most parts whose subsets, 4,096 of them, are all measured; beyond, subsets are drawn from the failures."""
DRAWS = 4096
"""Default number of simulated requests that the subsets are drawn from."""


@dataclass(frozen=True)
class AccuracyTable:
    """Measured accuracy by the parts that have arrived.

    Attributes
    ----------
    parts : int
        Number of parts, K.
    fill : {'zero', 'mean'}
        What stood in for the features of missing parts.
    images : int
        Number of images.
    accuracies : dict of frozenset of int to float
        Share of the images put into their class, by the parts that had arrived.
    """

    parts: int
    fill: Fill
    images: int
    accuracies: dict[frozenset[int], float]

    @property
    def is_complete(self) -> bool:
        """Whether all 2^K subsets were measured."""
        return len(self.accuracies) == 1 << self.parts

    @property
    def all_parts(self) -> float:
        """Accuracy when nothing is missing."""
        return self.accuracies[frozenset(range(self.parts))]

    @property
    def without_each(self) -> tuple[float, ...]:
        """Accuracy when one part alone is missing, for each of the K parts."""
        everything = frozenset(range(self.parts))
        return tuple(self.accuracies[everything - {k}] for k in range(self.parts))


@dataclass(frozen=True)
class AnswerAccuracy:
    """Expected accuracy of a plan's answers.

    Attributes
    ----------
    table : AccuracyTable
        What was measured.
    deadline_seconds : float or None
        When the answer is taken from what has arrived; None for whatever ever arrives.
    expected : float
        Expected accuracy.
    low, high : float or None
        Ends of the 95 % interval where subsets were drawn; None where the failures were summed up exactly.
    """

    table: AccuracyTable
    deadline_seconds: float | None
    expected: float
    low: float | None = None
    high: float | None = None


def measure_accuracy(
    ensemble: Ensemble,
    split: Split,
    *,
    fill: Fill = "zero",
    subsets: Iterable[frozenset[int]] | None = None,
    device: torch.device | None = None,
    features: Tensor | None = None,
) -> AccuracyTable:
    """Measure the accuracy for subsets of parts. The students run once, whatever the number of subsets.

    Parameters
    ----------
    ensemble : Ensemble
        In evaluation mode.
    split : Split
        The images, commonly the test images.
    fill : {'zero', 'mean'}
        What replaces the features of missing parts.
    subsets : iterable of frozenset of int, optional
        The parts that have arrived; all 2^K subsets by default. All parts, and all but one, are always measured.
    device : torch.device, optional
        Where the students run; by default where they are. Afterwards they are where and as they were.
    features : Tensor, shape (N, M), optional
        The result of :func:`features_of` for the same students and images, if it is known already.

    Raises
    ------
    InputError
        If there are more than :data:`MAX_PARTS` parts and no subsets are given, or a subset names no part.
    """
    count = len(ensemble.parts)
    everything = frozenset(range(count))
    if subsets is None:
        if count > MAX_PARTS:
            allowed = f"at most {MAX_PARTS}, or the subsets to measure"
            raise InputError("accuracy", [Problem("parts", f"{count} parts", allowed)])
        subsets = (frozenset(chosen) for size in range(count + 1) for chosen in combinations(range(count), size))
    wanted = {everything, *(everything - {k} for k in everything), *subsets}
    for arrived in wanted:
        if not arrived <= everything:
            found, allowed = str(sorted(arrived)), f"parts from 0 to {count - 1}"
            raise InputError("accuracy", [Problem("subsets", found, allowed)])
    made = features_of(ensemble, split, device) if features is None else features
    accuracies = {}
    with torch.no_grad(), placed(ensemble, made.device):
        for arrived in sorted(wanted, key=lambda subset: (len(subset), sorted(subset))):
            right = ensemble.logits(made, arrived, fill).argmax(1) == split.labels
            accuracies[arrived] = float(right.double().mean())
    return AccuracyTable(count, fill, len(split), accuracies)


def features_of(ensemble: Ensemble, split: Split, device: torch.device | None = None) -> Tensor:
    """Features that students make of images, N x M, on the CPU.

    Parameters
    ----------
    ensemble : Ensemble
        The students; afterwards they are where and as they were.
    split : Split
        The images.
    device : torch.device, optional
        Where they run; by default where they are.
    """
    with placed(ensemble, device):
        return outputs(ensemble.features, split.images, device)


def accuracy_under_failure(
    ensemble: Ensemble,
    split: Split,
    instance: Instance,
    plan: Plan,
    *,
    fill: Fill = "zero",
    deadline: float | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    device: torch.device | None = None,
    features: Tensor | None = None,
) -> AnswerAccuracy:
    """Combine measured accuracy with the failures of a plan's devices.

    With up to :data:`MAX_PARTS` parts every subset is measured and weighted with its exact probability. With more, the
    subsets that simulated requests end with are measured, and the result is an estimate with an interval. So it is with
    a deadline if more devices queue for channels than have exact figures, or random ones do.

    Parameters
    ----------
    ensemble : Ensemble
        Students of the plan's parts, in the order of its groups.
    split, fill, device, features
        As in :func:`measure_accuracy`.
    instance, plan : Instance, Plan
        What was given, and a valid plan with explicit filters.
    deadline : float, optional
        Seconds after which the parts that have arrived give the answer; the instance's own by default, and without
        any deadline whatever arrives at all.
    seed, draws : int
        Seed and number of simulated requests, where there are too many parts or queues.

    Raises
    ------
    InputError
        If the ensemble's parts are not those of the plan, or the deadline is not positive and finite.
    """
    ensemble.require_parts_of(plan)
    end = deadline_of(instance, deadline)
    if len(ensemble.parts) <= MAX_PARTS:
        table = measure_accuracy(ensemble, split, fill=fill, device=device, features=features)
        if end is None or not has_queues(instance, plan):
            # Whether a part ever arrives is no matter of who waits for whom.
            law = latency_distribution(without_channels(instance) if end is None else instance, plan)
            return AnswerAccuracy(table, end, expected_accuracy(law, table.accuracies, end))
        if has_exact_answer(instance, plan):
            chance = QueueAnswers(instance, plan).patterns(end)
            places = {arrived: tuple(int(k in arrived) for k in range(chance.ndim)) for arrived in table.accuracies}
            return AnswerAccuracy(table, end, sum(float(chance[places[s]]) * v for s, v in table.accuracies.items()))
        arrivals = simulate_arrivals(instance, plan, draws, seed=seed, deadline=end)
    else:
        arrivals = simulate_arrivals(instance, plan, draws, seed=seed, deadline=end)
        table = measure_accuracy(ensemble, split, fill=fill, subsets=arrivals.counts, device=device, features=features)
    estimate = arrivals.expected(table.accuracies.__getitem__, 0.0, 1.0)
    interval = estimate.interval()
    return AnswerAccuracy(table, end, estimate.value, interval.low, interval.high)


def table_rows(table: AccuracyTable) -> list[dict[str, Any]]:
    """One row a subset, fewest parts first: ``arrived``, ``missing`` (parts by number) and ``accuracy``."""
    everything = frozenset(range(table.parts))
    return [
        {"arrived": sorted(arrived), "missing": sorted(everything - arrived), "accuracy": accuracy}
        for arrived, accuracy in table.accuracies.items()
    ]


def write_accuracy_table(path: str | Path, table: AccuracyTable) -> None:
    """Write a table as CSV or JSON, by the end of the file's name.

    In the CSV, ``arrived`` and ``missing`` hold part numbers with spaces between them.

    Raises
    ------
    InputError
        If the name ends otherwise, or the file cannot be written.
    """
    require_table_name(path)
    if Path(path).suffix == ".json":
        head = {"parts": table.parts, "fill": table.fill, "images": table.images, "complete": table.is_complete}
        write_text(path, readable_json({**head, "rows": table_rows(table)}) + "\n")
    else:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("arrived", "missing", "fill", "images", "accuracy"))
        for row in table_rows(table):
            sets = (" ".join(map(str, row[name])) for name in ("arrived", "missing"))
            writer.writerow((*sets, table.fill, table.images, row["accuracy"]))
        write_text(path, stream.getvalue())


def require_table_name(path: str | Path) -> None:
    """Refuse a name that :func:`write_accuracy_table` knows no format for.

    Raises
    ------
    InputError
        If it ends neither in ``.csv`` nor in ``.json``.
    """
    suffix = Path(path).suffix
    if suffix not in (".csv", ".json"):
        raise InputError(str(path), [Problem("", f"the ending {suffix!r}", ".csv or .json")])
