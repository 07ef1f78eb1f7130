"""``solve_many``: every instance by every method, kept safe, and yielded as it finishes."""

from __future__ import annotations

import hashlib
import signal
import tempfile
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rocoin_opt.batch.database import StoreError
from rocoin_opt.batch.executors import dask_backend, local_backend
from rocoin_opt.batch.export import RESULTS, export
from rocoin_opt.batch.items import GIVEN, HASH_DIGITS, instance_content, items_of, read_given
from rocoin_opt.batch.limits import Limits
from rocoin_opt.batch.processes import ExecutorError, Task, TaskOutcome
from rocoin_opt.batch.request import GRACE, BatchRequest, Options
from rocoin_opt.batch.results import ItemResult
from rocoin_opt.batch.store import PLANS, Store
from rocoin_opt.errors import InputError, MendedWarning
from rocoin_opt.instance import Instance, write_instance
from rocoin_opt.provenance import versions
from rocoin_opt.wording import encodable, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from rocoin_opt.batch.executors import Backend
    from rocoin_opt.batch.items import Item


def solve_many(
    instances: Iterable[Instance | str | Path],
    methods: Sequence[str] = ("auto",),
    objectives: Sequence[str] = ("guaranteed",),
    seeds: Sequence[int] = (0,),
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    time_limit: float | None = None,
    grace: float = GRACE,
    memory_limit: int | None = None,
    gap: float = 0.0,
    threads: int = 1,
    latency_only: bool = False,
    criterion: str = "ncut",
    prefer: str = "reliability",
    polish: float | None = None,
    out: str | Path | None = None,
    force: bool = False,
    retry_failed: bool = False,
) -> Iterator[ItemResult]:
    """Solve many instances by many methods in processes of their own; yield each result as it finishes.

    Parameters
    ----------
    instances : iterable of Instance, str or Path
        Instances, or paths of instance files.
    methods, objectives : sequence of str
        Names as for :func:`rocoin_opt.solve`; each method minimises each objective.
    seeds : sequence of int
        Seeds; everything is repeated with each.
    jobs : int, optional
        Items at the same time. Without it as many as keep ``jobs * threads`` within the cores, or as many as a
        cluster has threads.
    scheduler : str, optional
        Address of a Dask scheduler whose machines are used, for example ``tcp://host:8786``.
    time_limit : float, optional
        Seconds for each item after which the best plan so far is its result.
    grace : float
        Seconds beyond the time limit after which its process is ended.
    memory_limit : int, optional
        Bytes of resident memory beyond which the process of an item is ended. A process with its libraries takes up
        some 300 MB by itself.
    gap, threads, latency_only, criterion, prefer, polish
        As for :func:`rocoin_opt.solve`.
    out : str or Path, optional
        Folder of the run. Items that are done in it are yielded first, and not repeated. Without it nothing is left
        behind.
    force : bool
        Whether to repeat items that are done.
    retry_failed : bool
        Whether to repeat items that failed.

    Returns
    -------
    iterator of ItemResult
        One per item as it finishes, failed ones too; ``plan`` holds the plan if there is one.

    Raises
    ------
    InputError
        If an option is outside of its range, or a name is unknown.
    StoreError
        If the folder of the run cannot be used, or its disk is full.
    ExecutorError
        If no process starts, or the scheduler is lost.

    Examples
    --------
    >>> ro.RunResults(ro.solve_many([instance], ["greedy"], jobs=1))
    <RunResults: 1 item, 1 optimal>
    """
    options = Options(time_limit, grace, memory_limit, gap, threads, latency_only, criterion, prefer, polish)
    request = BatchRequest(
        options, tuple(methods), tuple(objectives), tuple(seeds), jobs, scheduler, force, retry_failed
    )
    return _solved(request, list(instances), None if out is None else Path(out))


def run_batch(
    request: BatchRequest, files: Sequence[Path], folder: Path, observe: Observe | None = None, *, earlier: bool = False
) -> Iterator[ItemResult]:
    """Do what a run has not done yet, and export its table; yield each result once it is safe.

    Parameters
    ----------
    request : BatchRequest
        What to do with each instance.
    files : sequence of Path
        The instance files.
    folder : Path
        Folder of the run.
    observe : callable, optional
        Told how far the run is, at least twice a second.
    earlier : bool
        Whether to yield first what was done before.
    """
    observe = observe or (lambda state: None)  # noqa: ARG005 - nobody is told
    with Store.writer(folder) as store:
        items = list(items_of(map(read_given, files), request))
        found = store.finished()
        store.supersede(
            (i.identity, encodable(i.given.path), i.given.fingerprint, i.method, i.objective, i.seed) for i in items
        )
        again = {item for item, failure in found.items() if request.force or (request.retry_failed and failure)}
        done = {item.identity: found[item.identity] for item in items if item.identity in found.keys() - again}
        failed = sum(failure is not None for failure in done.values())
        start = State(total=len(items), done=len(done), failed=failed, earlier=len(done), running=0)
        left = [item for item in items if item.identity not in done]
        if earlier:
            yield from map(store.result, done)
        if left:
            with _backend(request) as backend:
                yield from run_items(request, left, start, store, backend, observe)
        else:
            observe(start)
        export(store, folder / RESULTS)


def _backend(request: BatchRequest) -> AbstractContextManager[Backend]:
    if request.scheduler is not None:
        return dask_backend(request.scheduler, request.jobs)
    return local_backend(request.jobs, request.options.threads)


def _solved(request: BatchRequest, instances: list[Instance | str | Path], out: Path | None) -> Iterator[ItemResult]:
    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rocoin-opt-")))
        files = [_file_of(given, out) if isinstance(given, Instance) else Path(given) for given in instances]
        yield from run_batch(request, files, out, earlier=True)


def _file_of(instance: Instance, out: Path) -> Path:
    """Write an instance that is no file where the processes of a run can read it."""
    # A folder for each, because their matrices may have the same names.
    file = out / GIVEN / instance.sha256[:HASH_DIGITS] / "instance.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_instance(file, instance)
    return file


ANSWERED = ("termination", "objective_value", "lower_bound", "gap", "failure", "cores")
"""Fields of a result that are what the worker answered; None where it did not."""
SPARE_TASKS = 8
"""Tasks that wait beside those at work and those behind them."""
TICK_SECONDS = 0.5
"""How long the loop waits before it shows that it lives."""


@dataclass(frozen=True)
class State:
    """How far a run is."""

    total: int
    """Items of the run."""
    done: int
    """Items that are through, failed ones and those of earlier commands too."""
    failed: int
    """Those of them that failed."""
    earlier: int
    """Those of them that were done before this command."""
    running: int
    """Items at work."""


Observe: TypeAlias = Callable[[State], None]


def run_items(
    request: BatchRequest, items: Sequence[Item], start: State, store: Store, backend: Backend, observe: Observe
) -> Iterator[ItemResult]:
    """Work through items; yield each result once it is safe in the store.

    Whatever ends it, Ctrl-C, a full disk or the caller, what has come back is stored first if that is possible.

    Parameters
    ----------
    request : BatchRequest
        How each item is solved.
    items : sequence of Item
        What is still to do.
    start : State
        How far the run is before.
    store : Store
        Keeps the results.
    backend : Backend
        Does the work.
    observe : callable
        Told how far the run is, at least twice a second.

    Raises
    ------
    StoreError
        If a result cannot be stored.
    ExecutorError
        If no worker starts, or the scheduler is gone.
    """
    waiting = deque((item, 1) for item in items)
    working: dict[Future[TaskOutcome], tuple[Item, int]] = {}
    unsaved: list[ItemResult] = []
    done, failed = start.done, start.failed
    try:
        while waiting or working:
            # More than there are slots, so that none of them waits for the disk of the store.
            while waiting and len(working) < 2 * backend.slots + SPARE_TASKS:
                item, attempt = waiting.popleft()
                working[backend.executor.submit(backend.run, _task(request, item, backend))] = item, attempt
            running = min(len(working), backend.slots)
            observe(replace(start, done=done, failed=failed, running=running))
            finished, _ = wait(working, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = _outcome(future, backend)
                item, attempt = working.pop(future)
                if _is_lost(outcome) and attempt <= request.retries:
                    waiting.appendleft((item, attempt + 1))
                else:
                    unsaved.append(_result(request.options, item, attempt, outcome))
            store.add(unsaved)
            results, unsaved = unsaved, []
            done += len(results)
            failed += sum(result.failure is not None for result in results)
            for result in results:
                for word in result.mended:
                    warnings.warn(f"{result.path}, {result.method}: {word}", MendedWarning, stacklevel=1)
            yield from results
        observe(replace(start, done=done, failed=failed))
    except StoreError:
        unsaved, working = [], {}
        raise
    finally:
        # What had come back, but was not looked at when the loop was left.
        for future, (item, attempt) in working.items():
            if not future.cancel() and future.done():
                with suppress(ExecutorError):
                    outcome = _outcome(future, backend)
                    if not _is_lost(outcome):
                        unsaved.append(_result(request.options, item, attempt, outcome))
        if unsaved:
            store.add(unsaved)


def _outcome(future: Future[TaskOutcome], backend: Backend) -> TaskOutcome:
    """How the work on an item ended; a future fails only if it is the executor that failed."""
    try:
        return future.result()
    except backend.losses:
        return TaskOutcome(0.0, exit_status=-signal.SIGKILL)
    except (CancelledError, OSError) as error:
        raise ExecutorError(
            f"the executor is gone ({type(error).__name__} {error}); the same command continues the run"
        ) from None


def _is_lost(outcome: TaskOutcome) -> bool:
    """Whether the worker died of something that need not happen again: killed, or crashed in native code."""
    return outcome.answer is None and outcome.breach is None and (outcome.exit_status or 0) <= 0


def _task(request: BatchRequest, item: Item, backend: Backend) -> Task:
    options = request.options
    arguments = {"method": item.method, "objective": item.objective, "seed": item.seed, **asdict(options)}
    for limit in ("grace", "memory_limit"):
        del arguments[limit]
    path = item.given.path
    payload = {"file": path, "path": path, "fingerprint": item.given.fingerprint, "arguments": arguments}
    files = None
    if backend.ships_files:
        # A file that has gone meanwhile is missed by whoever reads it there.
        with suppress(InputError):
            files = instance_content(Path(path))
    seconds = None if options.time_limit is None else options.time_limit + options.grace
    return Task(request.work, payload, Limits(seconds, options.memory_limit), options.threads, files)


def _result(options: Options, item: Item, attempts: int, outcome: TaskOutcome) -> ItemResult:
    answer = outcome.answer if outcome.answer is not None else failure_of(options, attempts, outcome)
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
        **{name: answer.get(name) for name in ANSWERED},
        wall_seconds=answer.get("wall_seconds", outcome.seconds),
        reasons=tuple(answer.get("reasons", ())),
        error=None if error is None else encodable(error),
        attempts=attempts,
        versions=answer.get("versions", {"rocoin-opt": versions()["rocoin-opt"]}),
        mended=tuple(map(encodable, answer.get("mended", ()))),
        trace=tuple(tuple(point) for point in answer.get("trace", ())),
        # Of the identity alone: no name from a file becomes a path.
        plan_file=None if text is None else f"{PLANS}/{item.identity[:2]}/{item.identity}.plan.json",
        plan_sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        plan_text=text,
    )


def failure_of(options: Options, attempts: int, outcome: TaskOutcome) -> dict[str, Any]:
    """Say what is known of an item whose process ended before it answered.

    Parameters
    ----------
    options : Options
        How the item was solved: the limits that may have ended it.
    attempts : int
        How often it was tried.
    outcome : TaskOutcome
        How the last process ended: the limit that it broke, its exit status, its last words.

    Returns
    -------
    dict
        ``failure``, a word for the kind: the limit broken, ``defect`` or ``crash``; and ``error``, a line for people.
    """
    if outcome.breach == "time":
        error = (
            f"ended from outside: still at work {options.grace:g} s after its time limit of {options.time_limit:g} s"
        )
    elif outcome.breach == "memory":
        error = f"ended from outside: more than {options.memory_limit} bytes of memory"
    elif (status := outcome.exit_status or 0) > 0:
        # A traceback says where in lines that are indented, and what behind them.
        what = takewhile(lambda line: not line.startswith(" "), reversed(outcome.last_words.splitlines()))
        words = " ".join(reversed(list(what))) or f"exit status {status}"
        return {"failure": "defect", "error": printable(words)}
    else:
        cause = signal.strsignal(-status) if status else "an early exit"
        return {"failure": "crash", "error": f"the worker was lost {attempts} times, at last by: {cause}"}
    return {"failure": outcome.breach, "error": error}
