"""Which devices survive, and how likely: all states of domains and devices, summed in whole numbers."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from oracle import exact
from oracle_rules import mask_of

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance


class States:
    """Every set of survivors with its weight in a common unit; sets of devices or of states are whole numbers."""

    def __init__(self, instance: Instance) -> None:
        domains = instance.failure_domains
        crashes = [exact(device.failure_probability) for device in instance.devices]
        falls = [exact(domain.failure_probability) for domain in domains]
        self.unit = math.prod(p.denominator for p in (*crashes, *falls))
        alone = [1]
        for p in crashes:
            # Survivors come without this device first, then with it: its bit is the next higher one.
            alone = [w * p.numerator for w in alone] + [w * (p.denominator - p.numerator) for w in alone]
        self.weights = [0] * len(alone)
        for up in itertools.product((False, True), repeat=len(domains)):
            weight = math.prod(
                p.denominator - p.numerator if works else p.numerator for p, works in zip(falls, up, strict=True)
            )
            down = {domain.id for domain, works in zip(domains, up, strict=True) if not works}
            reachable = mask_of(n for n, device in enumerate(instance.devices) if device.failure_domain not in down)
            for alive, of_devices in enumerate(alone):
                self.weights[alive & reachable] += weight * of_devices
        assert sum(self.weights) == self.unit
        states = range(len(alone))
        self.every = (1 << len(alone)) - 1
        self.answering = [mask_of(alive for alive in states if alive & members) for members in states]
        """Of every set of devices the states in which somebody of it survives."""
        self._missed: dict[int, int] = {}
        self.outage = [self.missed(answering) for answering in self.answering]
        """Of every set of devices the weight of the states in which nobody of it survives."""

    def missed(self, states: int) -> int:
        """Weight of all states but these."""
        if states not in self._missed:
            self._missed[states] = sum(weight for i, weight in enumerate(self.weights) if not states >> i & 1)
        return self._missed[states]
