"""One method on one instance file in a process of its own, its plan checked and valued by the one evaluator.

Bounds are what each method claims. Seconds are the method's own: for the package those of :func:`rocoin_opt.solve`,
with the imports that it makes on its way; for the peers model and search, without any import. All of them are asked for
latency only, not for the order of plans behind it.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rocoin_opt as ro
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective


@dataclass(frozen=True)
class Peer:
    """A program that solves an instance file with another solver, and prints one line of JSON at its end.

    Attributes
    ----------
    module : str
        What ``python -m`` runs in the folder of the benchmarks.
    package : str
        Distribution that it needs.
    takes_workers : bool
        Whether it is told how many threads it may have.
    options : tuple of str
        Other options.
    """

    module: str
    package: str
    takes_workers: bool = True
    options: tuple[str, ...] = ()


BENCHMARKS = Path(__file__).resolve().parent.parent
PEERS = {
    "cp-sat": Peer("peers.cp_sat", "ortools"),
    "cp-sat-assisted": Peer("peers.cp_sat", "ortools", options=("--assisted",)),
    "scip": Peer("peers.scip_model", "pyscipopt", takes_workers=False),
    "linopy": Peer("peers.linopy_model", "linopy"),
}
"""Assisted, CP-SAT starts from the greedy plan and the combinatorial bound."""
MONOLITHIC = ("milp", *PEERS)
PROOF_GAP = 1e-5
"""Relative gap up to which a peer's proof is one: its tolerances may cost a millionth on either side."""
GRACE_SECONDS = 60.0
"""Beyond twice its limit, before a process is ended: reading, building and ending take time too."""
DONE, NO_PLAN = 0, (3, 4)
"""Exit statuses of ``rocoin-opt solve``: a plan; proven infeasible, stopped without one."""
TERMINATIONS = {"OPTIMAL": "optimal", "FEASIBLE": "feasible", "INFEASIBLE": "infeasible", "UNKNOWN": "no plan"}
"""The peers' words for how a search ended, in the package's."""


@dataclass(frozen=True)
class Limits:
    """What every method is given: seconds, threads of the package, workers of the peer, seed."""

    time_limit: float
    threads: int = 2
    workers: int = 2
    seed: int = 0


@dataclass(frozen=True)
class Measurement:
    """What one run found.

    Attributes
    ----------
    termination : str
        ``optimal``, ``feasible``, ``infeasible``, ``no plan``, ``not measured`` or ``failed``.
    value : float or None
        Objective in seconds, computed from the plan by :func:`rocoin_opt.evaluate`.
    bound : float or None
        Lower bound in seconds that the method claims.
    seconds : float or None
        Time of the search.
    build_seconds : float or None
        Time of these until the solver had the model, as far as the method tells.
    checked : bool
        Whether there is a plan and :func:`rocoin_opt.check` found nothing to object to.
    note : str
        Why nothing was measured, or what went wrong.
    """

    method: str
    termination: str
    value: float | None = None
    bound: float | None = None
    seconds: float | None = None
    build_seconds: float | None = None
    checked: bool = False
    note: str = ""

    @property
    def gap(self) -> float | None:
        """(value - bound) / value; None where either is unknown."""
        return relative_gap(self.value, self.bound)


def peer_version(python: str, package: str) -> str | None:
    """Version of a peer's distribution that an interpreter has; None where it has none."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def terms(instance: ro.Instance) -> int:
    """Size of a monolithic model: devices x groups x students."""
    return len(instance.devices) * instance.max_groups * len(instance.students)


def measure(path: Path, method: str, objective: Objective, limits: Limits, peer_python: str) -> Measurement:
    """Run a method of the package or a peer on an instance file, and check what it says.

    Parameters
    ----------
    path : Path
        The instance.
    method : str
        A method of :data:`rocoin_opt.METHODS`, or a name of :data:`PEERS`.
    objective : str
        What to minimise.
    limits : Limits
        The same for all methods.
    peer_python : str
        Interpreter that has the peer and the package.
    """
    command = _command(path, method, objective, limits, peer_python)
    patience = None if math.isinf(limits.time_limit) else 2.0 * limits.time_limit + GRACE_SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience, cwd=BENCHMARKS)
    except subprocess.TimeoutExpired:
        return Measurement(method, "failed", note=f"did not end within {patience:g} s")
    if done.returncode != DONE and not (method not in PEERS and done.returncode in NO_PLAN):
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return Measurement(method, "failed", note=lines[-1])
    answer = _peer_answer(done.stdout) if method in PEERS else _package_answer(done.stdout)
    return _checked(ro.read_instance(path), method, objective, answer)


def _command(path: Path, method: str, objective: str, limits: Limits, peer_python: str) -> list[str]:
    shared = [str(path.resolve()), "--objective", objective, "--seed", str(limits.seed)]
    if not math.isinf(limits.time_limit):
        shared += ["--time-limit", str(limits.time_limit)]
    if method in PEERS:
        peer = PEERS[method]
        workers = ["--workers", str(limits.workers)] if peer.takes_workers else []
        return [peer_python, "-m", peer.module, *shared, *workers, *peer.options]
    program = "from rocoin_opt.cli import main; main()"
    return [
        *(sys.executable, "-c", program, "solve", *shared),
        *("--method", method, "--threads", str(limits.threads), "--latency-only", "--json"),
    ]


@dataclass(frozen=True)
class _Answer:
    termination: str
    bound: float | None
    seconds: float
    plan: ro.Plan | None
    build_seconds: float | None = None


def _peer_answer(text: str) -> _Answer:
    # HiGHS prints its banner before it can be told not to.
    said: dict[str, Any] = json.loads(text.splitlines()[-1])
    plan = None if said["plan"] is None else ro.Plan.model_validate(said["plan"])
    return _Answer(TERMINATIONS[said["status"]], said["bound"], said["seconds"], plan, said["build_seconds"])


def _package_answer(text: str) -> _Answer:
    said: dict[str, Any] = json.loads(text)
    solved = said["solve"]
    plan = None
    if said["groups"] is not None:
        plan = ro.Plan.model_validate({"groups": said["groups"], "spares": said["spares"]})
    termination = solved["termination"].replace("_", " ")
    return _Answer(termination, solved["lower_bound"], solved["wall_seconds"], plan)


def _checked(instance: ro.Instance, method: str, objective: Objective, answer: _Answer) -> Measurement:
    """Believe nothing but the seconds: the plan is checked, its value computed anew, and a proof needs its bound."""
    found = Measurement(
        method, answer.termination, bound=answer.bound, seconds=answer.seconds, build_seconds=answer.build_seconds
    )
    if answer.plan is None:
        return found
    violations = ro.check(instance, answer.plan)
    if violations:
        return replace(found, termination="failed", bound=None, note=f"invalid plan: {violations[0]}")
    found = replace(found, value=ro.evaluate(instance, answer.plan).value(objective), checked=True)
    if found.termination == "optimal" and (found.gap is None or found.gap > PROOF_GAP):
        return replace(found, termination="feasible", note="its value is not the bound that it claims to have reached")
    return found
