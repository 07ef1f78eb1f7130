"""What befalls every request on every device: crashes and slow moments, drawn by the seed.

The draws are those of :func:`rocoin_opt.simulate` under the same seed: request i is trial i.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import BLOCK, Chance, Purpose, Queues, Sent, crashes, factor_table, factor_words, play
from rocoin_opt.instance import Constant
from rocoin_opt.plan import Transfers

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, Slowdown
    from rocoin_opt.plan import Plan


@dataclass(frozen=True, eq=False)
class Schedule:
    """Fates of N requests on R replicas, in the order of the plan's groups and of the devices within.

    Attributes
    ----------
    devices : tuple of str, R
        The replicas' devices.
    group_of : tuple of int, R
        Group of each, by its place in the plan.
    crashed : BoolArray, N x R
        Whether a device, or its failure domain, crashes on a request.
    ready : FloatArray, N x R
        Seconds from dispatch to the end of the computation: overhead and compute time.
    transfer : FloatArray, N x R
        Seconds that the answer is on the link.
    queues : Queues or None
        The channels that several of the replicas send on; None where every link is one of its own.
    channel_of : tuple of str or None, R
        Channel that each replica waits for; None where nobody else sends on it.
    """

    devices: tuple[str, ...]
    group_of: tuple[int, ...]
    crashed: BoolArray
    ready: FloatArray
    transfer: FloatArray
    queues: Queues | None = None
    channel_of: tuple[str | None, ...] = ()

    @property
    def queues_cancel(self) -> bool:
        """Whether a replica whose group has answered does not send any more."""
        return self.queues is not None and self.queues.cancel

    @property
    def seconds(self) -> FloatArray:
        """When each group's first answer is due, N x K; infinite where all its replicas crash."""
        alone, groups = self.ready + self.transfer, np.array(self.group_of)
        if self.queues is None:
            answers = np.where(self.crashed, np.inf, alone)
        else:
            starts = np.searchsorted(groups, np.arange(groups[-1] + 2))
            sent = Sent(alone.T, self.ready.T, self.transfer.T, self.crashed.T)
            answers = play(self.queues, starts, sent).T
        return np.stack([answers[:, groups == k].min(axis=1) for k in range(groups[-1] + 1)], axis=1)

    @classmethod
    def draw(cls, instance: Instance, plan: Plan, requests: int, seed: int, *, cancel: bool = False) -> Schedule:
        """Draw the fates of requests; the plan names only what the instance has.

        Parameters
        ----------
        instance : Instance
            What was given.
        plan : Plan
            Names only what the instance has.
        requests : int
            How many.
        seed : int
            Of the draws.
        cancel : bool
            Whether a replica whose group has answered does not send on a shared channel any more.

        Raises
        ------
        UnsupportedError
            If a slowdown law is too extreme.
        """
        arrays, blocks = instance.arrays, -(-requests // BLOCK)
        names, groups, crashed, ready, transfer = [], [], [], [], []
        domains = {
            domain.id: crashes(seed, 0, blocks, place, Purpose.DOMAIN, Chance.of(domain.failure_probability))
            for place, domain in enumerate(instance.failure_domains)
        }
        for k, group in enumerate(plan.groups):
            for name in group.devices:
                n = arrays.device_index[name]
                device = instance.devices[n]
                terms = instance.latency_terms(n, arrays.student_index[group.student], group.num_filters)
                failed = crashes(seed, 0, blocks, n, Purpose.CRASH, Chance.of(device.failure_probability))
                if device.failure_domain is not None:
                    failed = failed | domains[device.failure_domain]
                compute = _factors(device.compute_slowdown, seed, blocks, n, Purpose.COMPUTE)
                link = _factors(device.link_slowdown, seed, blocks, n, Purpose.LINK)
                names.append(name)
                groups.append(k)
                crashed.append(failed.ravel()[:requests])
                ready.append(terms.overhead + terms.compute * compute[:requests])
                transfer.append(terms.transfer * link[:requests])
        transfers, queues = Transfers.of(instance, plan), None
        channel_of: list[str | None] = [None] * len(names)
        if transfers.queues:
            queues = Queues.of(instance, transfers, (transfers.ready, transfers.airtime), cancel)
            for name, queue in zip(transfers.channels, transfers.queues, strict=True):
                for place in queue.tolist():
                    channel_of[place] = name
        return cls(
            devices=tuple(names),
            group_of=tuple(groups),
            crashed=np.stack(crashed, axis=1),
            ready=np.stack(ready, axis=1),
            transfer=np.stack(transfer, axis=1),
            queues=queues,
            channel_of=tuple(channel_of),
        )


def _factors(law: Slowdown | None, seed: int, blocks: int, device: int, purpose: Purpose) -> FloatArray:
    if law is None or isinstance(law, Constant):
        return np.ones(blocks * BLOCK)
    return factor_table(law).factors(factor_words(seed, 0, blocks, device, purpose)).ravel()
