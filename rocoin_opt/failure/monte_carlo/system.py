"""What is simulated: a plan's replicas as arrays, for the interpreted and the compiled kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.monte_carlo.draws import Chance
from rocoin_opt.failure.monte_carlo.factors import FactorTable, factor_table
from rocoin_opt.failure.monte_carlo.traces import Replay
from rocoin_opt.instance import Constant
from rocoin_opt.plan import Transfers, has_queues, require_computable

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.traces import Traces
    from rocoin_opt.instance import FloatArray, Instance, IntArray, Slowdown
    from rocoin_opt.plan import Plan

MAX_STEPS = 2**16 - 1
"""Different answer times that the count of answers by time can hold."""
FACTOR_WORK = 5
"""How many draws of a crash cost as much as one of a factor."""
NONE = -1
"""No domain, no table, or no group of its own."""


@dataclass(frozen=True, eq=False)
class Queues:
    """Channels that several replicas send on, one transfer after another; read-only.

    A replica is ready after ``ready + C * compute`` seconds and sends for ``air + R * link``.

    Attributes
    ----------
    start : IntArray, C + 1
        First member of each channel, and the number of members Q.
    members : IntArray, Q
        Replicas by channel, in the order of their identifiers, by which those stand that are ready at once.
    ready, air : FloatArray, R
        Seconds that are certain.
    cancel : bool
        Whether a replica whose group has answered does not send any more.
    """

    start: IntArray
    members: IntArray
    ready: FloatArray
    air: FloatArray
    cancel: bool

    @classmethod
    def of(cls, instance: Instance, transfers: Transfers, fixed: tuple[FloatArray, FloatArray], cancel: bool) -> Queues:
        """Gather the queues of a plan.

        Parameters
        ----------
        instance : Instance
            What was given.
        transfers : Transfers
            Of the plan.
        fixed : tuple of FloatArray
            Seconds until each replica is ready, and in which it sends, that are certain.
        cancel : bool
            Whether a replica whose group has answered does not send any more.
        """
        names = [instance.devices[n].id for n in transfers.device.tolist()]
        queues = [sorted(queue.tolist(), key=names.__getitem__) for queue in transfers.queues]
        return cls(
            start=np.cumsum([0, *map(len, queues)]),
            members=np.concatenate([np.array(queue, dtype=np.int64) for queue in queues]),
            ready=fixed[0],
            air=fixed[1],
            cancel=cancel,
        )


@dataclass(frozen=True, eq=False)
class System:
    """Replicas by group; read-only.

    A replica answers after ``fixed + C * compute + R * link`` seconds, unless it fails; C and R are the random factors.

    Attributes
    ----------
    group_start : IntArray, K + 1
        First replica of each group, and the number of replicas R.
    device : IntArray, R
        Place of each replica's device in the instance.
    crash : tuple of Chance, R
        Crash probabilities.
    domain : IntArray, R
        Place of the failure domain among ``domains``; :data:`NONE` without one.
    domains : IntArray, D
        Places in the instance of the domains that the plan meets.
    domain_failure : tuple of Chance, D
        Their failure probabilities.
    fixed : FloatArray, R
        Seconds that are certain: all of them where both factors are constant.
    compute, link : FloatArray, R
        Seconds that a random factor multiplies, 0 where it is constant.
    compute_table, link_table : IntArray, R
        Table of the factor's law; :data:`NONE` where it is constant, or measured.
    tables : tuple of FactorTable
        The tables, one for each different law.
    times : FloatArray
        The different values of ``fixed``, ascending.
    step : IntArray, R
        Where among ``times`` each replica's is.
    replay : Replay or None
        What was measured of the replicas, instead of their laws; None where nothing was.
    queues : Queues or None
        The channels that replicas wait for; None where every link is one of its own.
    watched : int
        The group whose answer is asked for; :data:`NONE` for that of all groups.
    latest : float
        Seconds after which no answer comes; infinite where nothing limits them.
    """

    group_start: IntArray
    device: IntArray
    crash: tuple[Chance, ...]
    domain: IntArray
    domains: IntArray
    domain_failure: tuple[Chance, ...]
    fixed: FloatArray
    compute: FloatArray
    link: FloatArray
    compute_table: IntArray
    link_table: IntArray
    tables: tuple[FactorTable, ...]
    times: FloatArray
    step: IntArray
    replay: Replay | None
    queues: Queues | None = None
    watched: int = NONE
    latest: float = math.inf

    @property
    def has_steps(self) -> bool:
        """Whether answers come at the ``times`` only, so that counting them by time tells everything."""
        is_measured = self.replay is not None and self.replay.has_factors
        is_counted = len(self.times) < MAX_STEPS and self.queues is None and self.watched == NONE
        return not self.tables and not is_measured and is_counted

    @property
    def work(self) -> int:
        """Work of a trial, in draws of a crash."""
        factors = np.count_nonzero(self.compute_table != NONE) + np.count_nonzero(self.link_table != NONE)
        return len(self.device) + FACTOR_WORK * int(factors)

    @classmethod
    def of(
        cls,
        instance: Instance,
        plan: Plan,
        traces: Traces | None = None,
        *,
        cancel: bool = False,
        watched: int | None = None,
    ) -> System:
        """Describe a plan, its devices as the traces have them where they do; it need not keep the requirements.

        Parameters
        ----------
        instance : Instance
            What was given.
        plan : Plan
            Devices and students are the instance's.
        traces : Traces, optional
            Measured requests that replace the draws of their devices.
        cancel : bool
            Whether a replica whose group has answered does not send any more.
        watched : int, optional
            Place of the group whose answer is asked for; that of all groups where left out.

        Raises
        ------
        InputError
            If the plan has no figures, see :func:`rocoin_opt.plan.validity.require_computable`; or if the traces name
            what the instance does not know.
        UnsupportedError
            If a slowdown law is too extreme.
        """
        require_computable(instance, plan)
        if traces is not None:
            traces.require_known(instance)
        replay = Replay.of(traces, [name for group in plan.groups for name in group.devices])
        arrays, domain_index = instance.arrays, {domain.id: d for d, domain in enumerate(instance.failure_domains)}
        tables: dict[Slowdown, int] = {}
        rows, sizes = [], []
        for group in plan.groups:
            j = arrays.student_index[group.student]
            for name in group.devices:
                n = arrays.device_index[name]
                given = instance.devices[n]
                overhead, compute, link = instance.latency_terms(n, j, group.num_filters)
                laws = _random_law(given.compute_slowdown), _random_law(given.link_slowdown)
                varies = laws[0] is not None, laws[1] is not None
                if traces is not None and name in traces.devices:
                    laws, varies = (None, None), (traces.compute is not None, traces.link is not None)
                # The very double that plans are valued by, unless a factor is random.
                fixed = float(arrays.latency(n, j, group.num_filters))
                if any(varies):
                    fixed = overhead + (0.0 if varies[0] else compute) + (0.0 if varies[1] else link)
                places = [NONE if law is None else tables.setdefault(law, len(tables)) for law in laws]
                shared = NONE if given.failure_domain is None else domain_index[given.failure_domain]
                certain = overhead + (0.0 if varies[0] else compute), 0.0 if varies[1] else link
                random = compute if varies[0] else 0.0, link if varies[1] else 0.0
                rows.append((n, shared, fixed, *random, *places, *certain))
            sizes.append(len(group.devices))
        columns = list(zip(*rows, strict=True))
        device: IntArray = np.array(columns[0])
        domain: IntArray = np.array(columns[1])
        met = np.unique(domain[domain != NONE])
        times, step = np.unique(columns[2], return_inverse=True)
        queues, is_random = None, bool(tables) or (replay is not None and replay.has_factors)
        latest = math.inf if is_random else float(times[-1])
        if has_queues(instance, plan):
            transfers = Transfers.of(instance, plan)
            queues = Queues.of(instance, transfers, (np.array(columns[7]), np.array(columns[8])), cancel)
            latest = math.inf if is_random else float(transfers.calm.max())
        return cls(
            group_start=np.concatenate([[0], np.cumsum(sizes)]),
            device=device,
            crash=tuple(Chance.of(instance.devices[n].failure_probability) for n in device),
            domain=np.where(domain == NONE, NONE, np.searchsorted(met, domain)),
            domains=met,
            domain_failure=tuple(Chance.of(instance.failure_domains[d].failure_probability) for d in met),
            fixed=np.array(columns[2]),
            compute=np.array(columns[3]),
            link=np.array(columns[4]),
            compute_table=np.array(columns[5]),
            link_table=np.array(columns[6]),
            tables=tuple(factor_table(law) for law in tables),
            times=times,
            step=step,
            replay=replay,
            queues=queues,
            watched=NONE if watched is None else watched,
            latest=latest,
        )


def _random_law(law: Slowdown | None) -> Slowdown | None:
    return None if isinstance(law, Constant) else law
