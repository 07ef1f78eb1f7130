"""Baseline ``het-nonn``: one device per part, student and part size fitted to the device.

References
----------
.. [1] K. Bhardwaj, C.-Y. Lin, A. Sartor, R. Marculescu. Memory- and communication-aware model compression for
   distributed deep learning inference on IoT. ACM TECS 18(5s), 2019. arXiv 1907.11804.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import BELOW_ALL, latency_range, plan_with_best_sizes, smallest_threshold
from rocoin_opt.heuristics.baselines.nonn import lone_devices, too_few_lone_devices
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective


def het_nonn(instance: Instance, objective: Objective, control: Control) -> Outcome:  # noqa: ARG001 - one signature
    """Give each device the student and the part that suit it: the best plan without redundancy.

    The idea of one device per part is NoNN's [1]_; fitting students and sizes to unequal devices is not. The smallest
    latency at which the parts that the devices deliver in time add up to all filters is found exactly, and the devices
    of the largest such parts are taken, each with at least one filter.

    Parameters
    ----------
    instance : Instance
        What was given. There is no redundancy, so a device takes part only if it alone keeps the outage limit.
    objective : str
        Plays no part: with one replica all latencies of a group agree.
    control : Control
        Not looked at: the search takes milliseconds and makes no random choice.

    Returns
    -------
    Outcome
        A plan, or the reason why none was found. Nothing is proved.
    """
    devices = lone_devices(instance)
    if len(devices) < instance.requirements.min_groups:
        return Outcome(None, reasons=(too_few_lone_devices(instance),))
    chosen = _fastest_devices(instance, devices)
    if chosen is None:
        most = min(len(devices), instance.max_groups)
        room = int(np.sort(instance.arrays.largest[devices].max(axis=1))[-most:].sum())
        return Outcome(
            None,
            reasons=(
                f"one device per part: the {most} roomiest devices can hold parts of {room} filters in all, "
                f"{instance.knowledge.num_filters} must be held",
            ),
        )
    return Outcome(plan_with_best_sizes(instance, [[n] for n in chosen], "worst"))


def _fastest_devices(instance: Instance, devices: list[int]) -> list[int] | None:
    """Devices of the largest parts at the smallest threshold at which these add up to all filters."""
    arrays, limits = instance.arrays, latency_range(instance.arrays)

    def roomiest(threshold: float) -> tuple[list[int], IntArray]:
        room: IntArray = arrays.largest_part(threshold)[devices].max(axis=1)
        order = np.argsort(-room, kind="stable")[: instance.max_groups]
        order = order[room[order] > 0]
        return [devices[position] for position in order], room[order]

    def reachable(threshold: float) -> bool:
        members, room = roomiest(threshold)
        return len(members) >= instance.requirements.min_groups and int(room.sum()) >= instance.knowledge.num_filters

    threshold = None if limits is None else smallest_threshold(arrays, reachable, BELOW_ALL, limits[1])
    return None if threshold is None else roomiest(threshold)[0]
