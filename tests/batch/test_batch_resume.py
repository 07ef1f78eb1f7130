"""Runs that are killed, interrupted or out of disk go on with nothing lost and nothing done twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import batch_work
from batch_work import HELD, LOG, asked, outcome, small_instances
from rocoin_opt.batch.database import DATABASE, StoreError
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.batch.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = 10
PATIENCE = 600.0
WORDS = "words.txt"


def start(run: Path, files: list[Path], *, seeds: int = SEEDS, largest_file: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, batch_work.__file__, str(run), str(seeds), str(largest_file), *map(str, files)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (run.parent / WORDS).open("w") as words:
        return subprocess.Popen(command, stderr=words, env=environment)


def table(run: Path) -> list[tuple[object, ...]]:
    with Store.open(run) as store:
        return [outcome(row) for row in store.rows()]


def stored(run: Path) -> int:
    try:
        return len(table(run))
    except StoreError:
        return 0


def some_worker(main: subprocess.Popen[bytes], chance: random.Random) -> psutil.Process | None:
    """Wait for a process of a run, which takes a while on a busy machine; None once the run is over."""
    while main.poll() is None:
        if found := psutil.Process(main.pid).children():
            return chance.choice(found)
        time.sleep(0.01)
    return None


def held(files: list[Path]) -> Path:
    """A file that keeps runs of these instances from their end as long as it exists."""
    file = files[0].parent / HELD
    file.touch()
    return file


def begun(files: list[Path]) -> int:
    log = files[0].parent / LOG
    return len(log.read_text().splitlines()) if log.exists() else 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """What a run of the same instances, in another folder, ends with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    list(run_batch(asked("quick", seeds=SEEDS), small_instances(folder), folder / "run"))
    return table(folder / "run")


@pytest.mark.slow
def test_killing_the_main_process_loses_nothing(
    files: list[Path], tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    run, holding = tmp_path / "run", held(files)
    main = start(run, files)
    wait_until(lambda: stored(run) >= 5)
    workers = psutil.Process(main.pid).children()
    main.kill()
    main.wait()
    holding.unlink()
    # Nobody works on for nobody.
    psutil.wait_procs(workers, timeout=PATIENCE)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    kept, done_before = stored(run), begun(files)
    assert 5 <= kept < 3 * SEEDS
    assert start(run, files).wait() == 0
    assert table(run) == undisturbed
    # What was stored was not begun again.
    assert begun(files) - done_before == 3 * SEEDS - kept


@pytest.mark.slow
def test_killing_a_worker_loses_nothing(
    files: list[Path], tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    run, holding = tmp_path / "run", held(files)
    main = start(run, files)
    wait_until(lambda: stored(run) >= 5)
    for worker in psutil.Process(main.pid).children():
        worker.kill()
    holding.unlink()
    assert main.wait() == 0
    assert table(run) == undisturbed


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(files: list[Path], tmp_path: Path) -> None:
    run, holding = tmp_path / "run", held(files)
    main = start(run, files)
    wait_until(lambda: stored(run) >= 5)
    main.send_signal(signal.SIGINT)
    assert main.wait() != 0
    holding.unlink()
    kept = stored(run)
    assert 5 <= kept < 3 * SEEDS
    assert len(list(run_batch(asked("logged", seeds=SEEDS, retries=50), files, run))) == 3 * SEEDS - kept


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    files: list[Path], tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    run = tmp_path / "run"
    main = start(run, files, largest_file=60_000)
    assert main.wait() != 0
    words = (tmp_path / WORDS).read_text()
    assert "StoreError" in words
    assert "the same command continues the run" in words
    assert 0 < stored(run) < 3 * SEEDS
    assert start(run, files).wait() == 0
    assert table(run) == undisturbed


@pytest.mark.slow
def test_a_power_cut_between_two_writes_loses_only_what_was_not_on_the_disk(
    files: list[Path], tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    run, holding = tmp_path / "run", held(files)
    main = start(run, files)
    wait_until(lambda: stored(run) >= 5)
    # A run leaves its log when it ends while another process reads.
    with Store.open(run) as reader:
        assert len(list(reader.rows())) >= 5
        holding.unlink()
        assert main.wait() == 0
        log = (run / f"{DATABASE}-wal").read_bytes()
        cut_off = shutil.copytree(run, tmp_path / "cut-off")
    plans = sorted(run.glob("plans/*/*.json"))
    chance = random.Random(1)
    for cut in sorted(chance.sample(range(len(log)), 2), reverse=True):
        # What the power cut leaves: the log up to some byte, and plan files that are empty.
        after = tmp_path / f"after-{cut}"
        shutil.copytree(cut_off, after)
        (after / f"{DATABASE}-wal").write_bytes(log[:cut])
        (after / f"{DATABASE}-shm").unlink()
        for plan in chance.sample(plans, 5):
            (after / plan.relative_to(run)).write_bytes(b"")
        kept = stored(after)
        assert len(list(run_batch(asked("quick", seeds=SEEDS, jobs=1), files, after))) == 3 * SEEDS - kept
        assert table(after) == undisturbed


@pytest.mark.slow
def test_what_is_done_is_not_done_again_unless_asked(files: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = asked("logged", seeds=1, jobs=1)
    assert len(list(run_batch(given, files, run))) == 3
    assert list(run_batch(given, files, run)) == []
    earlier = list(run_batch(given, files, run, earlier=True))
    assert len(earlier) == 3
    assert all(result.plan_text for result in earlier)
    assert begun(files) == 3
    forced = asked("logged", seeds=1, jobs=1)
    object.__setattr__(forced, "force", True)
    assert len(list(run_batch(forced, files, run))) == 3
    assert begun(files) == 6


@pytest.mark.slow
def test_only_failures_are_tried_again_when_asked(files: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    list(run_batch(asked("raising", jobs=1), files[:1], run))
    again = asked("quick", jobs=1)
    assert list(run_batch(again, files[:1], run)) == []
    object.__setattr__(again, "retry_failed", True)
    assert {result.seed for result in run_batch(again, files[:1], run)} == {batch_work.BAD_SEED}
    assert all(row[10] is None for row in table(run))


@pytest.mark.slow
def test_a_changed_instance_and_changed_options_are_new_items(files: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    list(run_batch(asked("quick", seeds=1, jobs=1), files, run))
    data = json.loads(files[0].read_text())
    data["devices"][0]["failure_probability"] /= 2
    files[0].write_text(json.dumps(data))
    (changed,) = run_batch(asked("quick", seeds=1, jobs=1), files, run)
    assert changed.path == str(files[0])
    assert len(table(run)) == 3
    assert len(list(run_batch(asked("quick", seeds=1, jobs=1, gap=0.5), files, run))) == 3
    assert len(table(run)) == 3
    # What was replaced is not lost: asked for again, it counts again.
    assert list(run_batch(asked("quick", seeds=1, jobs=1), files, run)) == []
    with Store.open(run) as store:
        assert {row.options["gap"] for row in store.rows()} == {0.0}
        assert len(list(store.rows(superseded=True))) == 7


@pytest.mark.slow
def test_an_instance_that_changes_during_the_run_is_told(files: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = asked("quick", seeds=1, jobs=1)
    object.__setattr__(given, "work", "rocoin_opt.batch.work:solve_item")
    results = run_batch(given, files, run, observe=lambda state: files[2].write_text("{}"))
    found = {Path(result.path): result.error for result in results}
    assert "a content that changed during the run" in str(found[files[2]])
    assert found[files[0]] is None


@pytest.mark.slow
def test_many_kills_change_nothing(files: list[Path], tmp_path: Path) -> None:
    seeds, chance = 40, random.Random(7)
    list(run_batch(asked("quick", seeds=seeds), files, tmp_path / "undisturbed"))
    run, kills = tmp_path / "run", {"main": 0, "worker": 0}
    main = start(run, files, seeds=seeds)
    while sum(kills.values()) < 4:
        time.sleep(chance.uniform(0.05, 1.5))
        if main.poll() is not None:
            assert main.returncode == 0
            # Through before the kills are: from the start.
            (run / DATABASE).unlink()
            main = start(run, files, seeds=seeds)
            continue
        # In turn, so that both are killed often enough whatever the machine's speed.
        if kills["worker"] <= kills["main"]:
            if (worker := some_worker(main, chance)) is not None:
                worker.kill()
                kills["worker"] += 1
        else:
            main.kill()
            main.wait()
            kills["main"] += 1
            main = start(run, files, seeds=seeds)
    assert main.wait() == 0
    assert min(kills.values()) >= 2
    assert table(run) == table(tmp_path / "undisturbed")
