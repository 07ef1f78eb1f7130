"""What a run says of each device, as a log of requests that failure probabilities and laws can be estimated from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.estimation import RequestLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.execution.schedule import Schedule
    from rocoin_opt.profiling.execution.source import Answers


def logged(
    instance: Instance, plan: Plan, schedule: Schedule, answers: Sequence[Answers], time_scale: float
) -> RequestLog:
    """Make the log of a run in which the source waited for every replica.

    Seconds are those of the instance, from the first request on. A device computes from the end of its overhead until
    its answer begins to leave, and sends the bits of its filters.

    Parameters
    ----------
    instance, plan : Instance, Plan
        What was run.
    schedule : Schedule
        When each answer was to leave.
    answers : sequence of Answers, N
        What the source heard.
    time_scale : float
        Host seconds for each second of the instance.
    """
    count, width = schedule.ready.shape
    answered, compute, num_bytes = (np.full((count, width), math.nan) for _ in range(3))
    overhead = [device.overhead_seconds for device in map(instance.devices.__getitem__, _places(instance, schedule))]
    size = [plan.groups[k].num_filters * instance.knowledge.bits_per_filter / 8.0 for k in schedule.group_of]
    begin = answers[0].sent
    sent = np.array([(request.sent - begin) / time_scale for request in answers])
    for number, request in enumerate(answers):
        for place, (seconds, late_by) in request.replicas.items():
            answered[number, place] = sent[number] + seconds / time_scale
            taken = schedule.ready[number, place] - overhead[place] + late_by / time_scale
            # Where there is hardly a transfer, rounding would make the part longer than the whole.
            compute[number, place] = min(taken, answered[number, place] - sent[number])
            num_bytes[number, place] = size[place]
    for measured in (compute, num_bytes):
        # Students without FLOP and answers without bits: nothing that a log could hold.
        measured[:, (measured <= 0.0).any(axis=0)] = math.nan
    return RequestLog(
        source=f"run of {instance.name}",
        requests=tuple(str(number) for number in range(count)),
        devices=schedule.devices,
        request=np.repeat(np.arange(count), width),
        device=np.tile(np.arange(width), count),
        sent=np.repeat(sent, width),
        answered=answered.ravel(),
        compute=compute.ravel(),
        num_bytes=num_bytes.ravel(),
    )


def _places(instance: Instance, schedule: Schedule) -> list[int]:
    return [instance.arrays.device_index[name] for name in schedule.devices]
