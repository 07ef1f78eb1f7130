"""What would change a plan's figures: devices lost, replicas added, parameters varied, plans made simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import plain_table, plain_text
from rocoin_opt.wording import NOTHING, engineering, number, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from rocoin_opt.failure import Figures, Loss, ReplicaValue, Sensitivity, Slope
    from rocoin_opt.planning.simplify import Simplifications, Witness

BEST_REPLICAS = 6
"""Rows of spares, and of twins."""
MOST_INFLUENTIAL = 15
"""Rows of sensitivities."""
NO_EFFECT = 5e-4
"""Change in per cent, by 1 % of a parameter, that is shown as none."""
ROUGH = 0.01
"""Share of a derivative above which its error is told."""
PARAMETER_WORDS = {
    "failure_probability": "crash probability",
    "flops_per_second": "compute rate",
    "uplink_bits_per_second": "link rate",
}
PARAMETER_UNITS = {"flops_per_second": "FLOP/s", "uplink_bits_per_second": "bit/s"}
"""Units of the parameters that have one."""


def statement_lines(figures: Figures, simpler: Simplifications) -> Iterator[str]:
    """Say which simpler plans would do as well, where there are any."""
    one, single = simpler.one_device, simpler.without_redundancy
    if one is not None:
        (group,) = one.plan.groups
        yield (
            f"one device suffices: {group.devices[0]} alone holds all {group.num_filters} filters with "
            f"{group.student} and keeps every requirement: {_instead(figures, one)}"
        )
    if single is None:
        return
    number = len(single.plan.groups)
    singles = "a single device" if number == 1 else f"{number} devices, one in each group,"
    if not single.keeps_limit:
        yield f"redundancy pays for the outage limit only: {singles} without it: {_instead(figures, single)}"
    elif number > 1:
        # With one group it is what was said of one device.
        yield f"redundancy does not pay here: {singles} keep the outage limit: {_instead(figures, single)}"


def losses_table(losses: Sequence[Loss]) -> Table:
    """One row a device: the figures without it."""
    table = plain_table("without", numbers=("group", "guaranteed", "expected", "success probability"))
    table.add_column("its group")
    for loss in losses:
        figures = loss.figures
        table.add_row(
            plain_text(loss.device),
            str(loss.group),
            seconds(None if figures is None else figures.guaranteed_seconds),
            seconds(None if figures is None else figures.expected_seconds),
            probability(0.0 if figures is None else figures.success_probability),
            _verdict(loss),
        )
    return table


def replicas_table(figures: Figures, values: Sequence[ReplicaValue], is_twin: bool) -> Table | None:
    """The best spares, or the best twins, that improve a figure; None where none does.

    Parameters
    ----------
    figures : Figures
        Of the plan as it is.
    values : sequence of ReplicaValue
        What each further replica is worth.
    is_twin : bool
        Whether twins of the plan's devices are shown, rather than spares.
    """
    better = [value for value in values if value.is_twin == is_twin and _improves(value, figures)]
    if not better:
        return None
    names = ("joins group", "guaranteed", "expected", "success probability")
    table = plain_table("one more replica: twin of" if is_twin else "one more replica: spare", numbers=names, keys=2)
    for value in better[:BEST_REPLICAS]:
        table.add_row(
            plain_text(value.device),
            str(value.group),
            seconds(value.guaranteed_seconds),
            seconds(value.expected_seconds),
            probability(value.success_probability),
        )
    return table


def sensitivities_table(found: Sequence[Sensitivity]) -> tuple[Table, int]:
    """The most influential parameters, and the number of those left out."""
    ordered = sorted(found, key=_influence, reverse=True)
    shown = [one for one in ordered[:MOST_INFLUENTIAL] if max(_influence(one)) >= NO_EFFECT]
    names = ("group", "value", "expected", "no answer", "guaranteed")
    table = plain_table("device", "parameter", numbers=names, keys=2)
    table.add_column("same guarantee for")
    for one in shown:
        table.add_row(
            plain_text(one.device),
            PARAMETER_WORDS[one.parameter],
            str(one.group),
            _parameter(one, one.value),
            *(_effect(one, slope) for slope in (one.expected, one.failure, one.guaranteed)),
            _range(one),
        )
    return table, len(ordered) - len(shown)


def probability(value: float) -> str:
    """A probability for people."""
    return f"{value:.6f}"


def _verdict(loss: Loss) -> str:
    if loss.figures is None:
        return "has no device left"
    return "keeps the limit" if loss.keeps_limit else "misses the limit"


def _instead(figures: Figures, witness: Witness) -> str:
    found = witness.figures
    name, new, old = "expected", found.expected_seconds, figures.expected_seconds
    if old is None:
        name, new, old = "guaranteed", found.guaranteed_seconds, figures.guaranteed_seconds
    before = "no guarantee" if old is None else seconds(old)
    return (
        f"{name} {seconds(new)} instead of {before}, success probability "
        f"{probability(found.success_probability)} instead of {probability(figures.success_probability)}"
    )


def _improves(value: ReplicaValue, figures: Figures) -> bool:
    pairs = (
        (value.guaranteed_seconds, figures.guaranteed_seconds),
        (value.expected_seconds, figures.expected_seconds),
        (-value.success_probability, -figures.success_probability),
    )
    # Less by more than rounding does.
    return any(new is not None and (old is None or new < old - 1e-12 * abs(old)) for new, old in pairs)


def _worsening(one: Sensitivity, slope: Slope | None) -> float | None:
    """Change in per cent when the parameter gets 1 % worse: a crash more probable, a rate smaller."""
    if slope is None or slope.elasticity is None:
        return None
    left, right = slope.elasticity
    return right if one.parameter == "failure_probability" else -left


def _influence(one: Sensitivity) -> tuple[float, float]:
    """By what rows are ordered: seconds first, then the probability of an answer."""
    changes = [abs(_worsening(one, slope) or 0.0) for slope in (one.expected, one.guaranteed, one.failure)]
    return max(changes[:2]), changes[2]


def _effect(one: Sensitivity, slope: Slope | None) -> str:
    worse = _worsening(one, slope)
    if slope is None or worse is None:
        return NOTHING
    if abs(worse) < NO_EFFECT:
        return "0"
    is_rough = slope.error > ROUGH * max(abs(slope.left), abs(slope.right))
    return f"{'~' if is_rough else ''}{worse:+.3f} %"


def _parameter(one: Sensitivity, value: float) -> str:
    """A value of a parameter, in its unit."""
    unit = PARAMETER_UNITS.get(one.parameter)
    return number(value) if unit is None else engineering(value, unit)


def _range(one: Sensitivity) -> str:
    if one.guaranteed_range is None:
        return NOTHING
    low, high = one.guaranteed_range
    if low == high:
        return "waits for it"
    if high is None:
        return "always" if low == 0.0 else f"from {_parameter(one, low)}"
    upper = _parameter(one, high)
    return f"up to {upper}" if low == 0.0 else f"{_parameter(one, low)} to {upper}"
