"""Brute force for the expected answer time where slowdown laws take a few values: exact, in fractions.

Like :mod:`oracle`, nothing here calls the package beyond its data classes. A device answers by t with the probability
that it survives and that its factors let it; at the finitely many times at which an answer may come, the probability
that all groups have answered is a product, and between them nothing changes.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

from oracle import NEVER, Block, Oracle, compute_time, exact

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance


class LawOracle(Oracle):
    """All plans of a tiny instance whose laws are ``constant`` or ``empirical``."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self.times: dict[tuple[int, int, int], list[tuple[Fraction, Fraction]]] = {}

    def arrivals(self, n: int, j: int, size: int) -> list[tuple[Fraction, Fraction]]:
        """Times at which a surviving device may answer, with their probabilities."""
        if (n, j, size) not in self.times:
            device = self.instance.devices[n]
            measured = compute_time(self.instance, n, j, size)
            compute = NEVER if measured is None else measured
            bits = exact(self.instance.knowledge.bits_per_filter) * size
            transfer = bits / exact(device.uplink_bits_per_second)
            laws = device.compute_slowdown, device.link_slowdown
            factors = [[exact(v) for v in getattr(law, "values", (1.0,))] for law in laws]
            share = Fraction(1, len(factors[0]) * len(factors[1]))
            self.times[n, j, size] = [
                (exact(device.overhead_seconds) + c * compute + r * transfer, share)
                for c, r in itertools.product(*factors)
            ]
        return self.times[n, j, size]

    def silent(self, block: Block, seconds: Fraction) -> Fraction:
        """Probability that a group has not answered by a time."""
        outage = Fraction(1)
        for n in block.devices:
            p = exact(self.instance.devices[n].failure_probability)
            late = sum((share for t, share in self.arrivals(n, block.student, block.size) if t > seconds), Fraction(0))
            outage *= p + (1 - p) * late
        return outage

    def expected(self, blocks: tuple[Block, ...]) -> Fraction:
        """E[min(X, D)] in seconds."""
        assert self.instance.requirements.deadline_seconds is not None
        deadline = exact(self.instance.requirements.deadline_seconds)
        possible = {t for b in blocks for n in b.devices for t, _ in self.arrivals(n, b.student, b.size)}
        times = [Fraction(0), *sorted(t for t in possible if t < deadline), deadline]
        total = Fraction(0)
        for earlier, later in itertools.pairwise(times):
            answered = Fraction(1)
            for block in blocks:
                answered *= 1 - self.silent(block, earlier)
            total += (later - earlier) * (1 - answered)
        return total

    def best_expected(self) -> Fraction | None:
        """Smallest E[min(X, D)] of all feasible plans; None where there is none."""
        return min((self.expected(blocks) for blocks in self.decisions(feasible_only=True)), default=None)
