"""``solve_many``: every instance by every method, kept safe, and yielded as it finishes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rocoin_opt.batch.executors import dask_site, local_site
from rocoin_opt.batch.export import RESULTS, export
from rocoin_opt.batch.items import GIVEN, GRACE, HASH_DIGITS, Options, items_of, read_given, require_known, whole
from rocoin_opt.batch.runner import RETRIES, SOLVE, Schedule, State, work_through
from rocoin_opt.batch.store import Store
from rocoin_opt.errors import InputError, Problem, encodable
from rocoin_opt.instance import Instance, write_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rocoin_opt.batch.executors import Site
    from rocoin_opt.batch.items import Item
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
    gap, threads, latency_only, criterion
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
    """
    options = Options(time_limit, grace, memory_limit, gap, threads, latency_only, criterion)
    asked = Asked(options, tuple(methods), tuple(objectives), tuple(seeds), jobs, scheduler, force, retry_failed)
    return _solved(asked, list(instances), None if out is None else Path(out))


@dataclass(frozen=True)
class Asked:
    """What a run is asked for, apart from its instances; see :func:`solve_many`.

    Attributes
    ----------
    options : Options
        How each item is solved.
    methods, objectives, seeds : tuple
        What each instance is solved by, for and with.
    jobs, scheduler, force, retry_failed
        As for :func:`solve_many`.
    work : str
        The function that works on an item, as ``module:name``.
    retries : int
        How often an item is begun again after its worker was lost.

    Raises
    ------
    InputError
        If an option is outside of its range, or a name is unknown.
    """

    options: Options
    methods: tuple[str, ...]
    objectives: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    jobs: int | None = None
    scheduler: str | None = None
    force: bool = False
    retry_failed: bool = False
    work: str = SOLVE
    retries: int = RETRIES

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(map(whole, self.seeds)))
        require_known(self.methods, self.objectives)
        self.options.check(self.seeds)
        if not self.seeds:
            raise InputError("options", [Problem("seeds", "none", "at least one")])
        if self.jobs is not None and self.jobs < 1:
            raise InputError("options", [Problem("jobs", repr(self.jobs), "a whole number of at least 1")])


def run_batch(
    asked: Asked, files: Sequence[Path], folder: Path, observe: Observe | None = None, *, earlier: bool = False
) -> Iterator[ItemResult]:
    """Do what a run has not done yet, and export its table; yield each result once it is safe.

    Parameters
    ----------
    asked : Asked
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
    with Store.writer(folder) as store:
        items = list(items_of([read_given(file) for file in files], *_combined(asked), asked.options))
        done = store.finished()
        store.supersede(
            (i.identity, encodable(i.given.path), i.given.fingerprint, i.method, i.objective, i.seed) for i in items
        )

        def is_done(item: Item) -> bool:
            known = item.identity in done and not asked.force
            return known and not (asked.retry_failed and done[item.identity] is not None)

        known = [item.identity for item in items if is_done(item)]
        schedule = Schedule(
            items=tuple(item for item in items if not is_done(item)),
            total=len(items),
            earlier=len(known),
            failed=sum(done[identity] is not None for identity in known),
            options=asked.options,
            work=asked.work,
            retries=asked.retries,
        )
        if earlier:
            yield from map(store.result, known)
        if schedule.items:
            with _site(asked) as site:
                yield from work_through(schedule, store, site, observe)
        elif observe is not None:
            observe(State(schedule.total, schedule.total, schedule.failed, schedule.earlier, 0))
        export(store, folder / RESULTS)


def _combined(asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Each name and seed once, in the order in which they were given."""
    return (
        tuple(dict.fromkeys(asked.methods)),
        tuple(dict.fromkeys(asked.objectives)),
        tuple(dict.fromkeys(asked.seeds)),
    )


def _site(asked: Asked) -> AbstractContextManager[Site]:
    if asked.scheduler is not None:
        return dask_site(asked.scheduler, asked.jobs)
    return local_site(asked.jobs, asked.options.threads)


def _solved(asked: Asked, instances: list[Instance | str | Path], out: Path | None) -> Iterator[ItemResult]:
    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rocoin-opt-")))
        files = [_file_of(given, out) if isinstance(given, Instance) else Path(given) for given in instances]
        yield from run_batch(asked, files, out, earlier=True)


def _file_of(instance: Instance, out: Path) -> Path:
    """Write an instance that is no file where the processes of a run can read it."""
    # A folder for each, because their matrices may have the same names.
    file = out / GIVEN / instance.sha256[:HASH_DIGITS] / "instance.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_instance(file, instance)
    return file
