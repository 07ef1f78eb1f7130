"""Batches: what an item costs beyond its solver, and how fast a large store is looked through."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import rocoin_opt as ro
from rocoin_opt.batch.store import Store

from .rounds import usual


class Run:
    """Quick items on one process: its start, which takes about a second, and 40 items."""

    timeout = 300
    number = 1
    repeat = 3

    def setup(self):
        self.folder = Path(tempfile.mkdtemp())
        self.files = [self.folder / f"{seed}.json" for seed in range(10)]
        for seed, file in enumerate(self.files):
            ro.write_instance(file, ro.generate("edge", devices=6, seed=seed))

    def teardown(self):
        shutil.rmtree(self.folder)

    def solve(self):
        return list(ro.solve_many(self.files, ["greedy"], seeds=range(4), jobs=1))

    def time_run(self):
        self.solve()

    def peakmem_main_process(self):
        self.solve()

    def track_failures(self):
        return sum(result.failure is not None for result in self.solve())


class Overhead:
    """What an item of a batch costs beyond its solver, with the start of the process that solves."""

    timeout = 300
    unit = "s"

    def track_seconds_an_item(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = [folder / f"{seed}.json" for seed in range(10)]
            for seed, file in enumerate(files):
                ro.write_instance(file, ro.generate("edge", devices=6, seed=seed))
            started = time.perf_counter()
            results = list(ro.solve_many(files, ["greedy"], seeds=range(4), jobs=1))
            spent = time.perf_counter() - started
        return (spent - sum(result.wall_seconds for result in results)) / len(results)


class LargeStore:
    """A store of 10,000 rows with their plan files."""

    timeout = 300
    rows = usual(10_000, short=1_000)

    def setup_cache(self):
        folder = Path(tempfile.mkdtemp())
        file = folder / "instance.json"
        ro.write_instance(file, ro.generate("edge", devices=6, seed=1))
        (known,) = ro.solve_many([file], ["greedy"], jobs=1)
        with Store.writer(folder / "run") as store:
            identities = [f"{number:032x}"[::-1] for number in range(self.rows)]
            store.add(replace(known, item=i, plan_file=f"plans/{i[:2]}/{i}.plan.json") for i in identities)
        return folder

    def time_resume(self, folder):
        with Store.writer(folder / "run") as store:
            store.finished()

    def time_read(self, folder):
        with Store.open(folder / "run") as store:
            sum(1 for _ in store.rows())
