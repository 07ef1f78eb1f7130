"""Running trials: trials cut into spans, spans drawn here or by worker processes, always in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from rocoin_opt.failure.monte_carlo.draws import BLOCK
from rocoin_opt.failure.monte_carlo.kernel import use_compiled
from rocoin_opt.failure.monte_carlo.options import require_trials

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance

Advance: TypeAlias = Callable[[int, int], None]
"""Told of the trials done and of the largest number that there may be."""
Drawn = TypeVar("Drawn", covariant=True)

SPAN_WORK = 2**26
"""Work of a span, in draws, where its size is left open: a fraction of a second."""


class Draw(Protocol[Drawn]):
    """What a span of trials is drawn by; sent to worker processes."""

    def __call__(self, seed: int, compiled: bool, first_block: int, trials: int) -> Drawn:
        """Draw the trials that begin with a block."""
        ...


@dataclass(frozen=True)
class Trials:
    """Which trials to run, and how.

    Attributes
    ----------
    limit : int
        Largest number of trials.
    seed : int
        Seed of the draws.
    workers : int
        Processes.
    deadline : float or None
        Deadline in seconds.
    chunk : int or None
        Trials of a span; None to choose by work.
    advance : callable or None
        Told of the trials done and of their limit after each span.
    """

    limit: int
    seed: int
    workers: int
    deadline: float | None
    chunk: int | None
    advance: Advance | None

    @classmethod
    def checked(
        cls,
        instance: Instance,
        limit: int,
        *,
        seed: int,
        workers: int,
        deadline: float | None,
        chunk: int | None,
        advance: Advance | None,
    ) -> Trials:
        """Check the options; the deadline is the instance's own where it is None.

        Parameters
        ----------
        instance : Instance
            What was given.
        limit : int
            Most trials.
        seed : int
            Of the simulation.
        workers : int
            Processes that draw; for one, this process does.
        deadline : float, optional
            Seconds.
        chunk : int, optional
            Trials between two reports.
        advance : callable, optional
            Is told how far the trials are.

        Raises
        ------
        InputError
            If one is out of range.
        """
        require_trials(limit, seed, deadline, workers=workers, chunk=chunk)
        own = instance.requirements.deadline_seconds
        return cls(limit, seed, workers, own if deadline is None else deadline, chunk, advance)

    @contextmanager
    def pool(self) -> Iterator[Executor | None]:
        """Start the worker processes; None where this process does the work."""
        if self.workers == 1:
            yield None
            return
        # Spawned on every system alike: a forked copy of a process with threads may hang.
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as executor:
            try:
                yield executor
            finally:
                executor.shutdown(cancel_futures=True)

    def run(self, pool: Executor | None, draw: Draw[Drawn], work: int, begin: int, end: int) -> Iterator[Drawn]:
        """Draw the trials from ``begin``, the first of a block, to ``end``, span by span and in order.

        ``work`` is that of one trial, see :attr:`rocoin_opt.failure.monte_carlo.system.System.work`.

        Parameters
        ----------
        pool : Executor, optional
            Draws the spans; without one they are drawn here.
        draw : callable
            Draws a span of trials.
        work : int
            Of one trial, in the unit of the system's work.
        begin, end : int
            First trial, and the one behind the last.
        """
        blocks = max(-(-(self.chunk or SPAN_WORK // work) // BLOCK), 1)
        starts = range(begin, end, blocks * BLOCK)
        sizes = [min(blocks * BLOCK, end - start) for start in starts]
        # The work of all trials decides on the kernel, so that every span is drawn by the same one.
        task = partial(draw, self.seed, use_compiled(end * work))
        spread = map if pool is None else pool.map
        done = begin
        # In order, whichever process is done first: sums must not depend on that.
        for drawn, size in zip(spread(task, [start // BLOCK for start in starts], sizes), sizes, strict=True):
            done += size
            if self.advance is not None:
                self.advance(done, self.limit)
            yield drawn
