"""What ties devices together: the failure domains that several of them share, and the states these can be in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance

    FloatArray = np.ndarray[Any, np.dtype[np.float64]]
    IntArray = np.ndarray[Any, np.dtype[np.int64]]
    BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


class SharedFailures:
    """The D domains that can fail and have several devices; any other one is a matter of its device alone.

    Parameters
    ----------
    instance : Instance
        What was given.

    Attributes
    ----------
    names : list of str, D
        Identifiers of these domains.
    falls : FloatArray, D
        How likely each of them fails.
    domain : IntArray, N
        Which of them each device is in; -1 where in none.
    failure : FloatArray, N
        Failure probability of each device while the domain that it shares is up.
    """

    def __init__(self, instance: Instance) -> None:
        held = [device.failure_domain for device in instance.devices]
        falls = instance.arrays.domain_failure
        self.names = [name for name, p in falls.items() if p > 0.0 and held.count(name) > 1]
        self.falls: FloatArray = np.array([falls[name] for name in self.names])
        place = {name: d for d, name in enumerate(self.names)}
        self.domain: IntArray = np.array([-1 if name is None else place.get(name, -1) for name in held])
        alone = np.array([0.0 if name is None or name in place else falls[name] for name in held])
        self.failure: FloatArray = np.asarray(alone + (1.0 - alone) * instance.arrays.failure)

    @cached_property
    def down(self) -> BoolArray:
        """Which domains are down in each of all 2^D states, 2^D x D; in the first one all are up."""
        states, count = 1 << len(self.names), len(self.names)
        return (np.arange(states)[:, None] >> np.arange(count) & 1).astype(bool).reshape(states, count)

    @cached_property
    def chance(self) -> FloatArray:
        """How likely each state is, 2^D."""
        return np.asarray(np.where(self.down, self.falls, 1.0 - self.falls).prod(axis=1))

    @cached_property
    def failure_by_state(self) -> FloatArray:
        """Failure probability of each device in each state, 2^D x N: 1 where its domain is down."""
        lost = np.hstack([self.down, np.zeros((len(self.down), 1), dtype=bool)])[:, self.domain]
        return np.where(lost, 1.0, self.failure)
