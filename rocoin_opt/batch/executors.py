"""Where items are worked on: on this machine, or on the machines of a Dask cluster.

An item is always worked on by a pool of processes, which can be ended from outside. The executor, of threads here
and of Dask's there, only decides where the pool is: the code is the same, and so are the results.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.processes import ExecutorError, WorkerPool
from rocoin_opt.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from rocoin_opt.batch.processes import Task, TaskOutcome

CONNECT_SECONDS = 10
"""After which a scheduler that does not answer is given up."""


@dataclass(frozen=True)
class Backend:
    """Where the tasks of a run are worked on."""

    executor: Executor
    """Takes the tasks."""
    run: Callable[[Task], TaskOutcome]
    """What it is given to do with each."""
    slots: int
    """Tasks at work at the same time."""
    ships_files: bool
    """Whether tasks must bring the content of their instance along."""
    losses: tuple[type[Exception], ...] = ()
    """By which a future of the executor tells that the machine of a task was lost."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_backend(jobs: int | None, threads: int) -> Iterator[Backend]:
    """Work in processes of this machine.

    Parameters
    ----------
    jobs : int, optional
        Processes at the same time; else as many as keep ``jobs * threads`` within the cores.
    threads : int
        Threads of each.
    """
    slots = jobs or max(1, available_cores() // threads)
    pool = WorkerPool(threads)
    executor = ThreadPoolExecutor(slots, thread_name_prefix="rocoin-opt-batch")
    try:
        yield Backend(executor, pool.run, slots, ships_files=False)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        pool.shut_down()
        executor.shutdown(wait=True)


@contextmanager
def dask_backend(address: str, jobs: int | None) -> Iterator[Backend]:
    """Work on the machines of a Dask cluster; each has its own pool.

    Parameters
    ----------
    address : str
        Address of the scheduler.
    jobs : int, optional
        Items at the same time; else as many as the cluster has threads.

    Raises
    ------
    UnsupportedError
        If the extra ``dask`` is not installed.
    ExecutorError
        If the scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise missing_extra("--scheduler needs Dask", "dask") from None
    try:
        _require_address(address)
        client: Any = Client(address, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ExecutorError(f"no Dask scheduler answers at {address}: {error}") from None
    try:
        slots = jobs or sum(client.ncores().values())
        if not slots:
            raise ExecutorError(f"the Dask scheduler at {address} has no workers")
        yield Backend(client.get_executor(), run_remotely, slots, ships_files=True, losses=(KilledWorker,))
    finally:
        client.close()


def _require_address(address: str) -> None:
    """Raise ValueError for an address that no client can use: Dask tries it for a minute, and logs tracebacks."""
    from distributed.comm import get_address_host_port
    from distributed.security import Security

    get_address_host_port(address)
    if address.startswith(("tls://", "wss://")) and Security().get_connection_args("client").get("ssl_context") is None:
        raise ValueError("an encrypted address needs certificates in the configuration of Dask")


_pools: dict[int, WorkerPool] = {}
_pools_lock = threading.Lock()


def run_remotely(task: Task) -> TaskOutcome:
    """Work on a task where this process is: with a pool that stays for the tasks that come after it."""
    with _pools_lock:
        if task.threads not in _pools:
            _pools[task.threads] = WorkerPool(task.threads)
            atexit.register(_pools[task.threads].shut_down)
        pool = _pools[task.threads]
    with tempfile.TemporaryDirectory(prefix="rocoin-opt-") as folder:
        file = Path(folder) / "instance.json"
        for name, content in (task.files or {}).items():
            target = Path(folder) / name if name else file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return pool.run(replace(task, payload={**task.payload, "file": str(file)}, files=None))
