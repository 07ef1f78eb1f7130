"""The loop of a run: hands out items, stores what comes back, and tries again where a worker was lost."""

from __future__ import annotations

import hashlib
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rocoin_opt.batch.database import StoreError
from rocoin_opt.batch.items import instance_content
from rocoin_opt.batch.limits import Limits
from rocoin_opt.batch.processes import Ended, ExecutorError, Task
from rocoin_opt.batch.results import ItemResult
from rocoin_opt.batch.store import PLANS
from rocoin_opt.errors import InputError, encodable, printable
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from rocoin_opt.batch.executors import Site
    from rocoin_opt.batch.items import Item, Options
    from rocoin_opt.batch.store import Store

SOLVE = "rocoin_opt.batch.work:solve_item"
"""What is done with an item."""
RETRIES = 2
"""How often an item is begun again after its worker was lost."""
SPARE_TASKS = 8
"""Tasks that wait beside those at work and those behind them."""
TICK_SECONDS = 0.5
"""How long the loop waits before it shows that it lives."""


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes
    ----------
    total : int
        Items of the run.
    done : int
        Items that are through, failed ones and those of earlier commands too.
    failed : int
        Those of them that failed.
    earlier : int
        Those of them that were done before this command.
    running : int
        Items at work.
    """

    total: int
    done: int
    failed: int
    earlier: int
    running: int


Observe: TypeAlias = Callable[[State], None]


@dataclass(frozen=True)
class Schedule:
    """What a run has to do, and how.

    Attributes
    ----------
    items : tuple of Item
        What is still to do.
    total, earlier, failed : int
        Items altogether, those done before, and those of them that failed.
    options : Options
        How each is solved.
    work : str
        The function that does it, as ``module:name``.
    retries : int
        How often an item is begun again after its worker was lost.
    """

    items: tuple[Item, ...]
    total: int
    earlier: int
    failed: int
    options: Options
    work: str = SOLVE
    retries: int = RETRIES


def work_through(schedule: Schedule, store: Store, site: Site, observe: Observe | None) -> Iterator[ItemResult]:
    """Work through a plan; yield each result once it is safe in the store.

    Whatever ends it, Ctrl-C, a full disk or the caller, what has come back is stored first if that is possible.

    Raises
    ------
    StoreError
        If a result cannot be stored.
    ExecutorError
        If no worker starts, or the scheduler is gone.
    """
    waiting = deque((item, 1) for item in schedule.items)
    working: dict[Future[Ended], tuple[Item, int]] = {}
    unsaved: list[ItemResult] = []
    done, failed = schedule.earlier, schedule.failed
    try:
        while waiting or working:
            # More than there are slots, so that none of them waits for the disk of the store.
            while waiting and len(working) < 2 * site.slots + SPARE_TASKS:
                item, attempt = waiting.popleft()
                working[site.executor.submit(site.run, _task(schedule, item, site))] = item, attempt
            if observe is not None:
                observe(State(schedule.total, done, failed, schedule.earlier, min(len(working), site.slots)))
            finished, _ = wait(working, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                ended = _ended(future, site)
                item, attempt = working.pop(future)
                if _is_lost(ended) and attempt <= schedule.retries:
                    waiting.appendleft((item, attempt + 1))
                else:
                    unsaved.append(_result(schedule.options, item, attempt, ended))
            if unsaved:
                results, unsaved = _saved(store, unsaved), []
                done += len(results)
                failed += sum(result.failure is not None for result in results)
                yield from results
        if observe is not None:
            observe(State(schedule.total, done, failed, schedule.earlier, 0))
    except StoreError:
        unsaved, working = [], {}
        raise
    finally:
        unsaved += _left_over(schedule, site, working)
        if unsaved:
            store.add(unsaved)


def _saved(store: Store, results: list[ItemResult]) -> list[ItemResult]:
    store.add(results)
    return results


def _left_over(schedule: Schedule, site: Site, working: dict[Future[Ended], tuple[Item, int]]) -> Iterator[ItemResult]:
    """Yield what had come back, but was not looked at when the loop was left."""
    for future, (item, attempt) in working.items():
        if not future.cancel() and future.done():
            with suppress(ExecutorError):
                ended = _ended(future, site)
                if not _is_lost(ended):
                    yield _result(schedule.options, item, attempt, ended)


def _ended(future: Future[Ended], site: Site) -> Ended:
    """How the work on an item ended; a future fails only if it is the executor that failed."""
    try:
        return future.result()
    except site.losses:
        return Ended(0.0, exit_status=-signal.SIGKILL)
    except (CancelledError, OSError) as error:
        raise ExecutorError(
            f"the executor is gone ({type(error).__name__} {error}); the same command continues the run"
        ) from None


def _is_lost(ended: Ended) -> bool:
    """Whether the worker died of something that need not happen again: killed, or crashed in native code."""
    return ended.answer is None and ended.breach is None and (ended.exit_status or 0) <= 0


def _task(schedule: Schedule, item: Item, site: Site) -> Task:
    options = schedule.options
    payload: dict[str, Any] = {
        "file": item.given.path,
        "path": item.given.path,
        "fingerprint": item.given.fingerprint,
        "arguments": {
            "method": item.method,
            "objective": item.objective,
            "seed": item.seed,
            "time_limit": options.time_limit,
            "gap": options.gap,
            "threads": options.threads,
            "latency_only": options.latency_only,
            "criterion": options.criterion,
        },
    }
    files = None
    if site.ships_files:
        # A file that has gone meanwhile is missed by whoever reads it there.
        with suppress(InputError):
            files = instance_content(Path(item.given.path))
    seconds = None if options.time_limit is None else options.time_limit + options.grace
    return Task(schedule.work, payload, Limits(seconds, options.memory_limit), options.threads, files)


def _result(options: Options, item: Item, attempts: int, ended: Ended) -> ItemResult:
    answer = ended.answer if ended.answer is not None else failure_of(options, attempts, ended)
    text, error = answer.get("plan_text"), answer.get("error")
    return ItemResult(
        item=item.identity,
        instance=item.given.name,
        path=encodable(item.given.path),
        fingerprint=item.given.fingerprint,
        method=item.method,
        objective=item.objective,
        seed=item.seed,
        options=asdict(options),
        termination=answer.get("termination"),
        objective_value=answer.get("objective_value"),
        lower_bound=answer.get("lower_bound"),
        gap=answer.get("gap"),
        wall_seconds=answer.get("wall_seconds", ended.seconds),
        reasons=tuple(answer.get("reasons", ())),
        failure=answer.get("failure"),
        error=None if error is None else encodable(error),
        attempts=attempts,
        versions=answer.get("versions", {"rocoin-opt": versions()["rocoin-opt"]}),
        cores=answer.get("cores"),
        trace=tuple(tuple(point) for point in answer.get("trace", ())),
        # Of the identity alone: no name from a file becomes a path.
        plan_file=None if text is None else f"{PLANS}/{item.identity[:2]}/{item.identity}.plan.json",
        plan_sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        plan_text=text,
    )


def failure_of(options: Options, attempts: int, ended: Ended) -> dict[str, Any]:
    """Say what is known of an item whose process ended before it answered."""
    if ended.breach == "time":
        error = (
            f"ended from outside: still at work {options.grace:g} s after its time limit of {options.time_limit:g} s"
        )
    elif ended.breach == "memory":
        error = f"ended from outside: more than {options.memory_limit} bytes of memory"
    elif (status := ended.exit_status or 0) > 0:
        # A traceback says where in lines that are indented, and what behind them.
        what = takewhile(lambda line: not line.startswith(" "), reversed(ended.last_words.splitlines()))
        words = " ".join(reversed(list(what))) or f"exit status {status}"
        return {"failure": "defect", "error": printable(words)}
    else:
        cause = signal.strsignal(-status) if status else "an early exit"
        return {"failure": "crash", "error": f"the worker was lost {attempts} times, at last by: {cause}"}
    return {"failure": ended.breach, "error": error}
