"""Work for batch tests that is quick, or ends badly in a way that its seed chooses; and a run of it as a process."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rocoin_opt as ro
from rocoin_opt.batch.request import BatchRequest, Options
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.control import Control, stopped_by_interrupt

if TYPE_CHECKING:
    from rocoin_opt.batch.results import ItemResult

BAD_SEED = 1
LOG = "begun.log"
HELD = "held"
HELD_AFTER = 12
"""Items of ``logged`` that are begun before the others wait, while a file of that name lies beside the instance."""
HOARD: list[bytes] = []


def quick(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer at once, by the instance and the arguments alone."""
    arguments = payload["arguments"]
    value = int(payload["fingerprint"][:8], 16) / 2**32 + arguments["seed"]
    text = f"{payload['fingerprint']} {arguments}\n"
    return {
        "termination": "feasible",
        "objective_value": value,
        "lower_bound": value / 2,
        "gap": 0.5,
        "wall_seconds": 0.001,
        "reasons": [],
        "versions": {"rocoin-opt": "0"},
        "cores": 1,
        "trace": [[0.0, value, None]],
        "plan_text": text,
    }


def logged(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer after a little while, and leave a line that says so in the folder of the instance."""
    folder = Path(payload["path"]).parent
    with (folder / LOG).open("a") as log:
        log.write("begun\n")
    time.sleep(0.02)
    # A run that is to be killed must not be through before, however late the killer is.
    while (folder / HELD).exists() and len((folder / LOG).read_text().splitlines()) > HELD_AFTER:
        time.sleep(0.01)
    return quick(payload)


def signalled(payload: dict[str, Any]) -> dict[str, Any]:
    """Send a signal to the own process during a search, and say whether that stopped it."""
    control = Control.starting_now()
    with stopped_by_interrupt(control):
        os.kill(os.getpid(), payload["signal"])
        return {"stopped": control.exhausted}


def stubborn(payload: dict[str, Any]) -> dict[str, Any]:
    """Ignore every limit."""
    if payload["arguments"]["seed"] == BAD_SEED:
        time.sleep(600)
    return quick(payload)


def hungry(payload: dict[str, Any]) -> dict[str, Any]:
    """Take up 400 MB."""
    if payload["arguments"]["seed"] == BAD_SEED:
        taken = bytearray(400_000_000)
        taken[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(taken[:: os.sysconf("SC_PAGE_SIZE")])
        time.sleep(600)
    return quick(payload)


def hoarding(payload: dict[str, Any]) -> dict[str, Any]:
    """Keep 400 MB from one item to the next, and take a moment."""
    if payload["arguments"]["seed"] == BAD_SEED:
        HOARD.append(b"x" * 400_000_000)
    time.sleep(0.3)
    return quick(payload)


def suicidal(payload: dict[str, Any]) -> dict[str, Any]:
    """Die of a signal, every time."""
    if payload["arguments"]["seed"] == BAD_SEED:
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(payload)


def recovering(payload: dict[str, Any]) -> dict[str, Any]:
    """Die of a signal, the first time."""
    mark = Path(payload["path"]).parent / f"died-{payload['arguments']['seed']}"
    if payload["arguments"]["seed"] == BAD_SEED and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(payload)


def raising(payload: dict[str, Any]) -> dict[str, Any]:
    """Fail as no work should."""
    if payload["arguments"]["seed"] == BAD_SEED:
        raise RuntimeError("a defect\nof two lines")
    return quick(payload)


def chatty(payload: dict[str, Any]) -> dict[str, Any]:
    """Print, as solvers do."""
    print("noise on standard output", flush=True)
    return quick(payload)


def threads(_: object) -> str:
    """Tell how many threads libraries here may use."""
    return os.environ["OMP_NUM_THREADS"]


def listing(payload: dict[str, Any]) -> list[str]:
    """Tell what lies beside the instance."""
    return sorted(path.name for path in Path(payload["file"]).parent.iterdir())


def process(_: object) -> int:
    """Tell which process this is."""
    return os.getpid()


def asked(work: str, *, seeds: int = 3, jobs: int = 2, retries: int = 2, **options: Any) -> BatchRequest:
    """Ask for one method and objective with some seeds."""
    return BatchRequest(
        Options(**options),
        ("greedy",),
        ("guaranteed",),
        tuple(range(seeds)),
        jobs=jobs,
        work=f"batch_work:{work}",
        retries=retries,
    )


def small_instances(parent: Path) -> list[Path]:
    """Three small instances in a folder of their own."""
    folder = parent / "instances"
    folder.mkdir()
    found = [folder / f"edge-{seed}.json" for seed in range(3)]
    for seed, file in enumerate(found):
        ro.write_instance(file, ro.generate("edge", devices=4, seed=seed))
    return found


def outcome(result: ItemResult) -> tuple[object, ...]:
    """All of a result that must not depend on what happened to its run."""
    return (
        *(result.item, result.instance, result.fingerprint, result.method, result.objective, result.seed),
        *(result.termination, result.objective_value, result.lower_bound, result.gap),
        *(result.failure, result.error, result.plan_file, result.plan_sha256),
    )


def main(folder: str, seeds: str, largest_file: str, *files: str) -> None:
    """Run ``logged`` as a process that can be killed, with files that cannot grow beyond a size."""
    if int(largest_file):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), int(largest_file)))
    given = asked("logged", seeds=int(seeds), retries=50)
    for _ in run_batch(given, [Path(file) for file in files], Path(folder)):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
