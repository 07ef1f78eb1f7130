"""Running a plan for real: replicas as processes, a source that asks them, and what it measured."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure import SEEDS, deadline_of, require_assessable
from rocoin_opt.instance import stretched
from rocoin_opt.profiling.execution.fleet import ReplicaError, running
from rocoin_opt.profiling.execution.medium import Medium
from rocoin_opt.profiling.execution.replica import Task
from rocoin_opt.profiling.execution.replica_log import logged
from rocoin_opt.profiling.execution.schedule import Schedule
from rocoin_opt.profiling.execution.source import Source
from rocoin_opt.profiling.execution.students import classify, require_running

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rocoin_opt.estimation import RequestLog
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling import Ensemble, ValueArray
    from rocoin_opt.profiling.execution.source import Answers

MAX_REQUESTS = 100_000
NO_IMAGE: ValueArray = np.zeros(1, dtype=np.float32)
"""What students that compute nothing are asked about."""


@dataclass(frozen=True)
class Round:
    """State of a run after one request.

    Attributes
    ----------
    done, total : int
        Requests that are over, and all of them.
    pids : dict of str to int
        Process of each device.
    """

    done: int
    total: int
    pids: dict[str, int]


Report: TypeAlias = Callable[[Round], None]


@dataclass(frozen=True, eq=False)
class Execution:
    """What a run measured. All seconds are those of the instance: host seconds over the time scale.

    Attributes
    ----------
    first_answers : FloatArray, N x K
        Seconds from dispatch to each group's first answer; infinite where none came by the deadline.
    predictions : IntArray or None, N
        Class of each image, from the parts that had arrived; None without students.
    schedule : Schedule
        The crashes and delays that were injected, N requests on R replicas.
    deadline : float
        Seconds after which the source took what it had.
    time_scale : float
        Host seconds for each second of the instance.
    seed : int
        Seed of crashes and slow moments.
    late_students : int
        First answers whose student took longer on this host than the instance gives it. They should be none: with
        them, the run measures this host.
    lost : tuple of str
        Devices whose process had ended before the run did.
    log : RequestLog or None
        What became of each request on each replica; None where nobody asked for it.
    needed_time_scale : float or None
        Time scale at which no student that was late would have been, as fast as it was here; None where none was.
    """

    first_answers: FloatArray
    predictions: IntArray | None
    schedule: Schedule
    deadline: float
    time_scale: float
    seed: int
    late_students: int
    lost: tuple[str, ...]
    log: RequestLog | None = None
    needed_time_scale: float | None = None

    @property
    def seconds(self) -> FloatArray:
        """Response time X of each request, N; infinite where a group has not answered by the deadline."""
        return np.asarray(self.first_answers.max(axis=1))

    @property
    def due_seconds(self) -> FloatArray:
        """Response times that the injected crashes and delays ask for, N; what the host adds is the difference."""
        seconds = self.schedule.seconds.max(axis=1)
        return np.where(seconds <= stretched(self.deadline), seconds, np.inf)


def execute(
    instance: Instance,
    plan: Plan,
    ensemble: Ensemble | None,
    requests: int | ValueArray,
    seed: int = 0,
    *,
    deadline: float | None = None,
    time_scale: float = 1.0,
    report: Report | None = None,
    with_log: bool = False,
    cancel: bool = False,
) -> Execution:
    """Run a plan's replicas as processes on this host, and send them requests one after another.

    Every process is as slow as its device: its answer begins to leave when the device's overhead and compute time have
    passed, the student's own time here being part of them, and its bytes are spread over the transfer time. Crashes
    (the device is silent for a request), failure domains and slow moments are drawn from the instance's laws as
    :func:`rocoin_opt.simulate` draws them. Replicas that share a channel send one after another, in the order in which
    they are ready.

    Parameters
    ----------
    instance, plan : Instance, Plan
        What was given, and a plan that keeps every rule, but for the outage limit and the number of groups.
    ensemble : Ensemble or None
        Students of the plan's parts, in the order of its groups; without, nothing is computed and times alone are
        measured. Its networks have to be known by name, or as
        ``module:callable``: other processes cannot know another builder of one's own.
    requests : int or ValueArray, N x C x H x W
        How many, or their images; an ensemble needs images.
    seed : int
        Seed of crashes and slow moments, below 2^64.
    deadline : float, optional
        Seconds of the instance; the instance's own where absent.
    time_scale : float
        Host seconds for each second of the instance. Choose it so that the shortest compute time is well above what
        the students need here, and so that the delays of this host's scheduler, some milliseconds, do not matter.
    report : callable, optional
        Told after each request.
    with_log : bool
        Keep a log of all replicas. Then the source waits for each of them, up to the deadline, before it sends the next
        request: who is merely later than another one would else look lost. The response time stays that of each group's
        first answer.
    cancel : bool
        Whether a replica whose group has answered does not send on a shared channel any more.

    Raises
    ------
    InputError
        If an option is out of range, there is no deadline, or the ensemble is not for the plan or the images.
    StartError
        If a replica does not start.
    ReplicaError
        If a student fails on an image; names the device, and the line of the user's code.
    UnsupportedError
        If there are too many replicas, or a slowdown law is too extreme.
    """
    require_assessable(instance, plan)
    end = deadline_of(instance, deadline)
    count = requests if isinstance(requests, int) else len(requests)
    require_requests(count)
    rules = (
        ("seed", repr(seed), 0 <= seed < SEEDS, "a whole number from 0, below 2^64"),
        ("time_scale", repr(time_scale), 0.0 < time_scale < math.inf, "a positive, finite number"),
        ("deadline", "none", end is not None, "seconds, here or in the instance: without, a lost request never ends"),
        ("cancel", "with_log", not (cancel and with_log), "no log: a replica told not to send would look lost"),
        ("requests", "a number", ensemble is None or not isinstance(requests, int), "images, where there are students"),
    )
    problems = [Problem(name, found, allowed) for name, found, holds, allowed in rules if not holds]
    if problems or end is None:
        raise InputError("options", problems)
    if ensemble is not None and not isinstance(requests, int):
        ensemble.require_parts_of(plan)
        require_running(ensemble, requests[0])
    schedule = Schedule.draw(instance, plan, count, seed, cancel=cancel)
    with contextlib.ExitStack() as stack:
        # Only until the replicas have loaded their students: what ends the run later finds nothing to leave behind.
        with contextlib.ExitStack() as starting:
            folder = None
            if ensemble is not None:
                folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="rocoin-opt-students-"))
                ensemble.save(folder)
            # What this process was allowed to run, the replicas are.
            own = () if ensemble is None else {r.network for r in ensemble.recipes if ":" in r.network}
            shape = () if isinstance(requests, int) else requests.shape[1:]
            fleet = stack.enter_context(running(tasks_of(plan, schedule, time_scale, folder, shape, own)))
        pids = dict(zip(schedule.devices, fleet.pids, strict=True))
        medium = None
        if schedule.queues is not None:
            airtime, cancels = (schedule.transfer * time_scale).tolist(), schedule.queues.cancel
            medium = Medium(schedule.devices, schedule.group_of, schedule.channel_of, airtime, cancel=cancels)
        source = stack.enter_context(Source(fleet.connections, schedule.group_of, plan.sizes, medium))
        first_answers = np.empty((count, len(plan.groups)))
        predictions = np.empty(count, dtype=np.int64)
        late, needed = 0, 0.0
        kept: list[Answers] = []
        for number in range(count):
            image = NO_IMAGE if isinstance(requests, int) else requests[number]
            known = len(source.lost)
            answers = source.ask(number, image, end * time_scale, every_replica=with_log)
            for place in source.lost[known:]:
                if fault := fleet.fault(place):
                    raise ReplicaError(f"run: device {schedule.devices[place]}, request {number}: {fault}")
            if with_log:
                kept.append(answers)
            first_answers[number] = np.array(answers.seconds) / time_scale
            late += sum(seconds > 0.0 for seconds in answers.late_by)
            needed = max(needed, _needed_scale(answers, schedule.ready[number], time_scale))
            if ensemble is not None:
                predictions[number] = classify(ensemble, answers.values)
            if report is not None:
                report(Round(number + 1, count, pids))
        lost = tuple(sorted(schedule.devices[place] for place in source.lost))
    return Execution(
        first_answers=first_answers,
        predictions=None if ensemble is None else predictions,
        schedule=schedule,
        deadline=end,
        time_scale=time_scale,
        seed=seed,
        late_students=late,
        lost=lost,
        log=logged(instance, plan, schedule, kept, time_scale) if with_log else None,
        needed_time_scale=needed or None,
    )


def _needed_scale(answers: Answers, ready: FloatArray, time_scale: float) -> float:
    """Time scale that would give the students that were late as much time as they took; 0 where none was."""
    late = {place: slower for place, (_, slower) in answers.replicas.items() if slower > 0.0 and ready[place] > 0.0}
    return max((time_scale + slower / float(ready[place]) for place, slower in late.items()), default=0.0)


def require_requests(count: int) -> None:
    """Refuse a number of requests below 1 or above :data:`MAX_REQUESTS`.

    Raises
    ------
    InputError
        If it is out of range.
    """
    if not 1 <= count <= MAX_REQUESTS:
        raise InputError("options", [Problem("requests", repr(count), f"from 1 to {MAX_REQUESTS}")])


def tasks_of(
    plan: Plan,
    schedule: Schedule,
    time_scale: float,
    students: str | Path | None,
    shape: Sequence[int],
    own: Iterable[str] = (),
) -> list[Task]:
    """Make the task of each replica; port and token are not known yet.

    Parameters
    ----------
    plan : Plan
        What is executed.
    schedule : Schedule
        What becomes of each request.
    time_scale : float
        Seconds of this host for a second of the model.
    students : path, optional
        Trained students; stand-ins without.
    shape : sequence of int
        Of one input.
    own : iterable of str
        Networks of the user, ``module:callable``, whose code replicas may run.
    """
    fates = zip(schedule.crashed.T.tolist(), schedule.ready.T.tolist(), schedule.transfer.T.tolist(), strict=True)
    return [
        Task(
            port=0,
            token="",
            place=place,
            size=plan.groups[k].num_filters,
            time_scale=time_scale,
            ready=[None if is_down else seconds for is_down, seconds in zip(crashed, ready, strict=True)],
            transfer=transfer,
            students=None if students is None else str(students),
            part=k,
            shape=list(shape),
            own=sorted(own),
            is_queued=schedule.channel_of[place] is not None,
        )
        for place, (k, (crashed, ready, transfer)) in enumerate(zip(schedule.group_of, fates, strict=True))
    ]
