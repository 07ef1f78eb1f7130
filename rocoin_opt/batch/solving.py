"""``solve_many``: every instance by every method, kept safe, and yielded as it finishes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rocoin_opt.batch.executors import dask_backend, local_backend
from rocoin_opt.batch.export import RESULTS, export
from rocoin_opt.batch.items import GIVEN, HASH_DIGITS, items_of, read_given
from rocoin_opt.batch.request import GRACE, BatchRequest, Options
from rocoin_opt.batch.runner import State, run_items
from rocoin_opt.batch.store import Store
from rocoin_opt.instance import Instance, write_instance
from rocoin_opt.wording import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rocoin_opt.batch.executors import Backend
    from rocoin_opt.batch.results import ItemResult
    from rocoin_opt.batch.runner import Observe


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
    out: str | Path | None = None,
    force: bool = False,
    retry_failed: bool = False,
) -> Iterator[ItemResult]:
    """Solve many instances by many methods in processes of their own; yield each result as it finishes.

    Parameters
    ----------
    instances : iterable of Instance, str or Path
        Instances, or files of them.
    methods, objectives : sequence of str
        Names as for :func:`rocoin_opt.solve`; each method minimises each objective.
    seeds : sequence of int
        Seeds; each of all that is repeated with each.
    jobs : int, optional
        Items at the same time. Without it as many as keep ``jobs * threads`` within the cores, or as many as a
        cluster has threads.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786`` say, to work on its machines.
    time_limit : float, optional
        Seconds for each item after which the best plan so far is its result.
    grace : float
        Seconds beyond the time limit after which its process is ended.
    memory_limit : int, optional
        Bytes of resident memory beyond which the process of an item is ended. A process with its libraries takes up
        some 300 MB by itself.
    gap, threads, latency_only, criterion, prefer
        As for :func:`rocoin_opt.solve`.
    out : str or Path, optional
        Folder of the run. What is done in it already is yielded first, and not done again. Without it nothing is left
        behind.
    force : bool
        Whether to do again what is done.
    retry_failed : bool
        Whether to do again what failed.

    Returns
    -------
    iterator of ItemResult
        One an item as it finishes, failed ones too; ``plan`` holds the plan where there is one.

    Raises
    ------
    InputError
        If an option is outside of its range, or a name is unknown.
    StoreError
        If the folder of the run cannot be used, or its disk is full.
    ExecutorError
        If no process starts, or the scheduler is gone.

    Examples
    --------
    >>> ro.RunResults(ro.solve_many([instance], ["greedy"], jobs=1))
    <RunResults: 1 item, 1 optimal>
    """
    options = Options(time_limit, grace, memory_limit, gap, threads, latency_only, criterion, prefer)
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
