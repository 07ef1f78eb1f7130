"""Links: nominal rates from their standards, and what is assumed to be left of them."""

from __future__ import annotations

from functools import cache

from rocoin_opt.documents import Model
from rocoin_opt.instance import Identifier, NonNegative, Positive, Probability
from rocoin_opt.instance.catalogue.tables import read_table


class Link(Model):
    """One kind of link. Its efficiency and overhead are assumptions, not measurements."""

    id: Identifier
    """Unique name."""
    name: str
    """Standard and mode."""
    nominal_bits_per_second: Positive
    """Rate of the physical layer."""
    source: str
    """The standard that defines the nominal rate."""
    assumed_efficiency: Probability
    """Share of the nominal rate that is planned with."""
    assumed_overhead_seconds: NonNegative
    """Dispatch and round trip that are planned with."""
    assumed_transmit_watts: Positive
    """Power of the device's side while it sends that is planned with."""
    assumption: str
    """What the assumed figures stand for."""

    @property
    def bits_per_second(self) -> float:
        """Planning rate: the nominal rate times the assumed efficiency."""
        return self.nominal_bits_per_second * self.assumed_efficiency


@cache
def links() -> tuple[Link, ...]:
    """All kinds of links, slowest first."""
    return tuple(read_table("links.json", Link))
