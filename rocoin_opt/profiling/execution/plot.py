"""A picture: the measured distribution of response times over the predicted one. Needs Matplotlib, extra ``report``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem, missing_extra
from rocoin_opt.profiling.execution.comparison import Prediction, compare_with_distribution
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.execution.run import Execution

SUFFIXES = (".png", ".svg")
GRID = 2000
"""Points that the predicted distribution function is drawn through."""


def plot_execution(path: str | Path, execution: Execution, instance: Instance, plan: Plan) -> None:
    """Draw measured and predicted distribution of the response time, up to the deadline, and write the picture.

    Parameters
    ----------
    path : str or Path
        A ``.png`` or ``.svg`` file.
    execution, instance, plan
        As in :func:`rocoin_opt.profiling.execution.comparison.compare_with_distribution`.

    Raises
    ------
    InputError
        If the name ends otherwise, or the file cannot be written.
    """
    require_picture(path)
    # Figures without pyplot: no window system, and nothing global to clean up.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = compare_with_distribution(execution, instance, plan)
    law, end = Prediction.of(execution, instance, plan), found.deadline
    finite = np.sort(execution.seconds[np.isfinite(execution.seconds)])
    heights = np.arange(len(finite) + 1) / len(execution.seconds)
    times = np.linspace(0.0, end, GRID)

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    predicted = law.cdf(times)
    low, high = np.clip(predicted - found.band, 0.0, 1.0), np.clip(predicted + found.band, 0.0, 1.0)
    axes.fill_between(times, low, high, color="C0", alpha=0.15, linewidth=0, label="95 % band of the prediction")
    axes.plot(times, predicted, color="C0", label="predicted", drawstyle="steps-post")
    edges = np.concatenate([[0.0], finite, [end]])
    steps = np.append(heights, heights[-1])
    axes.step(edges, steps, where="post", color="C1", label=f"measured, {len(execution.seconds)} requests")
    axes.axvline(found.predicted_mean, color="C0", linestyle=":", label="mean of min(X, D), predicted")
    axes.axvline(found.mean.value, color="C1", linestyle=":", label="mean of min(X, D), measured")
    axes.set(
        xlabel="response time in seconds of the instance",
        ylabel="share answered",
        xlim=(0.0, end),
        ylim=(0.0, 1.02),
    )
    axes.set_title(printable(f"{instance.name}: time scale {execution.time_scale:g}, deadline {end:g} s"), wrap=True)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    try:
        # Without a date, and with names that are no random ones, the same run gives the same bytes.
        with rc_context({"svg.hashsalt": "rocoin-opt"}):
            figure.savefig(path, dpi=150, metadata={"Date": None} if Path(path).suffix == ".svg" else None)
    except OSError as error:
        raise InputError(str(path), [Problem("", str(error), "a writable file")]) from None


def require_picture(path: str | Path) -> None:
    """Refuse a name that does not end like a picture, or a host without Matplotlib.

    Raises
    ------
    InputError
        If the name ends otherwise.
    UnsupportedError
        If Matplotlib is missing.
    """
    if Path(path).suffix not in SUFFIXES:
        raise InputError(str(path), [Problem("", f"the ending {Path(path).suffix!r}", " or ".join(SUFFIXES))])
    if find_spec("matplotlib") is None:
        raise missing_extra("a picture needs Matplotlib", "report")
