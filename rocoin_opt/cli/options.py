"""Arguments and options that several commands share, each with one name, one unit and one description.

Options that take several names are repeatable, and take commas between names too.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeAlias

import typer

from rocoin_opt.errors import InputError, Problem, missing_extra

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

InstanceFile: TypeAlias = Annotated[Path, typer.Argument(metavar="INSTANCE", help="Instance file (*.json).")]
PlanFile: TypeAlias = Annotated[Path, typer.Argument(metavar="PLAN", help="Plan file (*.plan.json).")]

_OBJECTIVE = typer.Option(
    "--objective",
    metavar="O",
    help=(
        "What to minimise. Times: guaranteed (each group within its outage limit), expected (the mean answer time), "
        "nominal (if no device fails), worst (the slowest device), quantile (the answer with the probability "
        "success_level). The whole answer by the deadline: failure (probability of none), missing (expected share "
        "of filters)."
    ),
)
_LATENCY_OBJECTIVE = typer.Option(
    "--objective",
    metavar="O",
    help=(
        "Which latency to minimise: guaranteed (each group within its outage limit), nominal (if no device fails) "
        "or worst (the slowest device)."
    ),
)
_REPLAN_OBJECTIVE = typer.Option(
    "--objective",
    metavar="O",
    help=(
        "What to minimise: a latency, guaranteed (each group within its outage limit), nominal (if no device fails) "
        "or worst (the slowest device); or failure (probability of no answer by the deadline)."
    ),
)
_SEED = typer.Option("--seed", metavar="N", help="Seed of every random choice.")
_THREADS = typer.Option("--threads", metavar="N", help="Threads of the solver.")

ObjectiveName: TypeAlias = Annotated[str, _OBJECTIVE]
LatencyObjectiveName: TypeAlias = Annotated[str, _LATENCY_OBJECTIVE]
ReplanObjectiveName: TypeAlias = Annotated[str, _REPLAN_OBJECTIVE]
Seed: TypeAlias = Annotated[int, _SEED]
Threads: TypeAlias = Annotated[int, _THREADS]
# None where the user did not give it: a command that refuses it for some of its sources has to know.
GivenObjective: TypeAlias = Annotated[str | None, _OBJECTIVE]
GivenSeed: TypeAlias = Annotated[int | None, _SEED]
GivenThreads: TypeAlias = Annotated[int | None, _THREADS]

MethodNames: TypeAlias = Annotated[
    list[str] | None, typer.Option("--methods", metavar="M,M,...", help="See the command methods; repeatable.")
]
CriterionName: TypeAlias = Annotated[
    str, typer.Option("--criterion", metavar="C", help="Criterion for partitions: ncut, cut or resilient.")
]
TimeLimit: TypeAlias = Annotated[
    float | None,
    typer.Option("--time-limit", metavar="S", help="Seconds after which a search returns its best result so far."),
]
Gap: TypeAlias = Annotated[float, typer.Option("--gap", metavar="G", help="Relative gap at which the search may stop.")]
LatencyOnly: TypeAlias = Annotated[
    bool, typer.Option("--latency-only", help="Optimise latency only, not partition, reliability and work behind it.")
]
_POLISH = typer.Option(
    "--polish",
    metavar="S",
    help="At most this many seconds for the criteria after latency: partition, reliability, work. inf for no limit. "
    "[default: 10]",
    show_default=False,
)
Polish: TypeAlias = Annotated[float, _POLISH]
GivenPolish: TypeAlias = Annotated[float | None, _POLISH]
UnboundPolish: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--polish",
        metavar="S",
        help="At most this many seconds for the criteria after latency; without it, every machine gives the same plan.",
    ),
]
POLISH_SECONDS = 10.0
"""What is spent behind latency where nobody says how long."""
Preferred: TypeAlias = Annotated[
    str,
    typer.Option(
        "--prefer", metavar="P", help="What decides at equal latency and partition: reliability, work or energy."
    ),
]
Deadline: TypeAlias = Annotated[
    float | None, typer.Option("--deadline", metavar="S", help="Deadline in seconds; by default the instance's own.")
]
PlanOut: TypeAlias = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the plan file.")]
InstanceOut: TypeAlias = Annotated[Path, typer.Option("--out", metavar="FILE", help="The instance file to write.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of text and tables.")]


def refuse(option: str, found: object, allowed: str) -> NoReturn:
    """Refuse what an option was given.

    Parameters
    ----------
    option : str
        Its name, as ``--seed``.
    found : object
        What was given, as it is to be shown.
    allowed : str
        What may be given.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError("options", [Problem(option, str(found), allowed)])


def require_torch(need: str, *, scikit_learn: bool = False) -> None:
    """Refuse what needs PyTorch where it is not installed.

    Parameters
    ----------
    need : str
        What needs it, as ``demo needs``.
    scikit_learn : bool
        Whether it needs scikit-learn as well.

    Raises
    ------
    UnsupportedError
        Naming what is missing, and how to install it.
    """
    for module, package in (("torch", "PyTorch"), ("sklearn", "scikit-learn"))[: 2 if scikit_learn else 1]:
        if find_spec(module) is None:
            raise missing_extra(f"{need} {package}", "torch")


def require_onnx(need: str) -> None:
    """Refuse what needs ONNX and ONNX Runtime where one of them is not installed; see :func:`require_torch`."""
    for module, package in (("onnx", "ONNX"), ("onnxscript", "ONNX Script"), ("onnxruntime", "ONNX Runtime")):
        if find_spec(module) is None:
            raise missing_extra(f"{need} {package}", "onnx")


def objective_named(name: str) -> Objective:
    """Return the objective of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    from rocoin_opt.plan import OBJECTIVES

    for objective in OBJECTIVES:
        if name == objective:
            return objective
    refuse("--objective", repr(name), f"one of {', '.join(OBJECTIVES)}")


MOST_NAMES = 20
"""Most devices that a message lists."""
LARGEST_SPREAD = 1_000_000
"""Largest count in a file, too."""


def required(option: str, values: Sequence[str] | None, known: Container[str] = ()) -> list[str]:
    """Return the names that an option was given; see :func:`listed`.

    Parameters
    ----------
    option : str
        Name of the option, for the fault.
    values : sequence of str, optional
        What it was given, one a repetition.
    known : container of str
        Names that there are, as for :func:`listed`.

    Raises
    ------
    InputError
        If it was given without any: the empty variable of a script would leave everything as it is.
    """
    names = listed(values, known)
    if values and not names:
        raise InputError("options", [Problem(option, repr(",".join(values)), "at least one name, or no such option")])
    return names


def with_rules_of(
    instance: Instance,
    *,
    spare: Sequence[str] | None,
    use: Sequence[str] | None,
    apart: Sequence[str] | None,
    together: Sequence[str] | None,
    spread: int | None,
) -> Instance:
    """Return the instance with the rules that options ask for besides its own.

    Parameters
    ----------
    instance : Instance
        What was read.
    spare, use, apart, together : sequence of str, optional
        What each option was given, one a repetition; each repetition is a rule.
    spread : int, optional
        What ``--spread`` was given.

    Raises
    ------
    InputError
        Naming the option, what was found and what is allowed.
    """
    from rocoin_opt.instance import Rule

    known = instance.devices_by_name
    among = ", ".join([d.id for d in instance.devices[:MOST_NAMES]]) + (", …" if len(known) > MOST_NAMES else "")
    rules: list[Rule] = []
    for option, values, least in (("spare", spare, 1), ("use", use, 1), ("apart", apart, 2), ("together", together, 2)):
        for value in values or ():
            place = f"--{option}"
            names = instance.meant_by(required(place, [value], known))
            for position, name in enumerate(names):
                if name not in known or name in names[:position]:
                    what = "the id of a device" if name not in known else "each device once, of"
                    raise InputError("options", [Problem(place, repr(name), f"{what}: {among}")])
            if len(names) < least:
                raise InputError("options", [Problem(place, repr(value), f"at least {least} devices, as ID,ID")])
            rules.append(Rule.model_validate({option: names}))
    if spread is not None:
        if not 1 <= spread <= LARGEST_SPREAD:
            raise InputError(
                "options", [Problem("--spread", str(spread), f"a whole number from 1 to {LARGEST_SPREAD}")]
            )
        rules.append(Rule(spread=spread))
    every = (*instance.rules, *rules)
    wanted = {name for rule in every for name in rule.use or ()}
    clash = [name for rule in every for name in rule.spare or () if name in wanted]
    if clash:
        option = "--spare" if spare else "--use"
        allowed = "a device that no other rule or option wants otherwise: it cannot serve and be spare"
        raise InputError("options", [Problem(option, repr(clash[0]), allowed)])
    return instance.with_rules(*rules) if rules else instance


def listed(values: Iterable[str] | None, known: Container[str] = ()) -> list[str]:
    """Return the names that an option was given.

    Parameters
    ----------
    values : iterable of str, optional
        Each as it was given, one a repetition of the option.
    known : container of str
        Names that there are. A value that is one of them as a whole is that one, commas and outer spaces in it
        included; only another one is read as several names with commas between them.

    Returns
    -------
    list of str
        In order, known or not, without empty ones.
    """
    names = []
    for value in values or ():
        if value in known:
            names.append(value)
            continue
        for piece in value.split(","):
            name = piece.strip()
            # A space after a comma is style, unless no name is meant without it.
            names.append(piece if name not in known and piece in known else name)
    return [name for name in names if name]
