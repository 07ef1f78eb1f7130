"""When the replicas of a plan answer where several send on one channel: the one owner of queues.

On a channel transfers go one after another, in the order in which they are ready, those that are ready at once by the
identifiers of their devices, without pre-emption. A device is ready once it has computed. One that crashes sends
nothing. With ready times r and airtimes a, in that order, transfer i ends at ``f_i = max(f_{i-1}, r_i) + a_i``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan.model import Plan


@dataclass(frozen=True, eq=False)
class Transfers:
    """The R replicas of a plan, group by group, and the channels on which at least two of them send.

    Attributes
    ----------
    device, group : IntArray, R
        Index of each replica's device, and place of its group.
    ready : FloatArray, R
        When each has computed, in seconds.
    airtime : FloatArray, R
        For how long each sends, in seconds.
    alone : FloatArray, R
        When each answers on a link of its own, in seconds: the very double of ``InstanceArrays.latency``.
    channels : tuple of str
        Identifiers of the channels with a queue.
    queues : tuple of IntArray
        Replicas on each of these, in the order in which they send when nobody crashes.
    """

    device: IntArray
    group: IntArray
    ready: FloatArray
    airtime: FloatArray
    alone: FloatArray
    channels: tuple[str, ...]
    queues: tuple[IntArray, ...]

    @classmethod
    def of(cls, instance: Instance, plan: Plan) -> Transfers:
        """Gather the replicas of a plan, latencies taken as constants: factors of slowdown laws are 1.

        Parameters
        ----------
        instance : Instance
            What was given.
        plan : Plan
            A plan that has figures, see :func:`rocoin_opt.plan.validity.require_computable`.
        """
        arrays = instance.arrays
        places = [(k, name, group) for k, group in enumerate(plan.groups) for name in group.devices]
        device = np.array([arrays.device_index[name] for _, name, _ in places], dtype=np.int64)
        student = np.array([arrays.student_index[group.student] for *_, group in places], dtype=np.int64)
        size = np.array([group.num_filters for *_, group in places], dtype=np.int64)
        terms = [
            instance.latency_terms(*place) for place in zip(*(a.tolist() for a in (device, student, size)), strict=True)
        ]
        ready = np.array([t.overhead + t.compute for t in terms])
        queues = queues_of(instance, device, ready)
        return cls(
            device=device,
            group=np.array([k for k, *_ in places], dtype=np.int64),
            ready=ready,
            airtime=np.array([t.transfer for t in terms]),
            alone=arrays.latency(device, student, size),
            channels=tuple(queues),
            queues=tuple(queues.values()),
        )

    @property
    def calm(self) -> FloatArray:
        """When each replica answers if nobody crashes, in seconds, R.

        Whoever crashes delays nobody, so that no replica that survives ever answers later.
        """
        seconds = self.alone.copy()
        for queue in self.queues:
            free = 0.0
            for r in queue:
                free = seconds[r] = max(self.alone[r], free + self.airtime[r])
        return seconds

    @property
    def spans(self) -> dict[str, tuple[float, float]]:
        """By channel when the first replica is ready, and when the last one has sent if nobody crashes, in seconds."""
        ends = self.calm
        return {
            name: (float(self.ready[queue[0]]), float(ends[queue[-1]]))
            for name, queue in zip(self.channels, self.queues, strict=True)
        }

    def answers(self, alive: Any) -> FloatArray:
        """When each replica answers in each of S states, in seconds, R x S; infinite where it crashed.

        Parameters
        ----------
        alive : BoolArray, R x S
            Who survives.
        """
        seconds: FloatArray = np.where(alive, self.alone[:, None], np.inf)
        for queue in self.queues:
            free = np.zeros(alive.shape[1])
            for r in queue:
                np.maximum(seconds[r], free + self.airtime[r], out=seconds[r], where=alive[r])
                np.copyto(free, seconds[r], where=alive[r])
        return seconds


def queues_of(instance: Instance, devices: IntArray, ready: FloatArray) -> dict[str, IntArray]:
    """By channel the places of the devices that queue for it, at least two, in the order in which they send.

    Parameters
    ----------
    instance : Instance
        What was given.
    devices : IntArray, R
        Indices of devices at work, each once.
    ready : FloatArray, R
        When each of them is ready to send, in seconds.
    """
    if not instance.shared_channels:
        return {}
    place = {n: r for r, n in enumerate(devices.tolist())}
    found = {}
    for name, members in instance.shared_channels.items():
        sending = [place[n] for n in members if n in place]
        if len(sending) > 1:
            # Strings compare by code points.
            sending.sort(key=lambda r: (float(ready[r]), instance.devices[int(devices[r])].id))
            found[name] = np.array(sending, dtype=np.int64)
    return found


def has_queues(instance: Instance, plan: Plan) -> bool:
    """Whether two devices of a plan's groups send on one channel; otherwise every link is one of its own."""
    index = instance.arrays.device_index
    used = {index[name] for group in plan.groups for name in group.devices if name in index}
    return any(len(used.intersection(members)) > 1 for members in instance.shared_channels.values())


def require_own_links(instance: Instance, what: str, plan: Plan | None = None, instead: str | None = None) -> None:
    """Refuse by name what a feature cannot honour: channels that several devices send on.

    Parameters
    ----------
    instance : Instance
        What was given.
    what : str
        The feature, for the message.
    plan : Plan, optional
        Whose devices count; all of the instance where left out.
    instead : str, optional
        A clause that says how to go on, for the message.

    Raises
    ------
    UnsupportedError
        Naming the first such channel.
    """
    if instance.shared_channels and (plan is None or has_queues(instance, plan)):
        way = "" if instead is None else f"; {instead}"
        raise refused_channel(instance, f"{what} cannot honour shared channels{way}", _first(instance, plan))


def refused_channel(instance: Instance, why: str, channel: str | None = None) -> UnsupportedError:
    """An error that says why a channel is beyond what is asked for.

    Parameters
    ----------
    instance : Instance
        With shared channels.
    why : str
        What cannot be done.
    channel : str, optional
        Which channel; the first shared one where left out.
    """
    name = channel or next(iter(instance.shared_channels))
    count = len(instance.shared_channels[name])
    return UnsupportedError(f"{instance.name}: {count} devices send on channel {name}, and {why}")


def _first(instance: Instance, plan: Plan | None) -> str | None:
    if plan is None:
        return None
    index = instance.arrays.device_index
    used = {index[name] for group in plan.groups for name in group.devices if name in index}
    shared: Iterable[str] = (
        name for name, members in instance.shared_channels.items() if len(used.intersection(members)) > 1
    )
    return next(iter(shared), None)
