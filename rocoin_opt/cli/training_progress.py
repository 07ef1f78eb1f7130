"""How far a training is, on standard error: bars on a terminal, else plain lines."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rocoin_opt.profiling import Step

PLAIN_SHARE = 10
"""Where there is no terminal, a training says so often how far it is."""


@contextlib.contextmanager
def showing_training() -> Iterator[Callable[[Step], None]]:
    """Yield a function that shows steps on standard error: a bar for each training, or plain lines without terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr, highlight=False)
    if not console.is_terminal:
        yield _plainly(console.print)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars: dict[str, object] = {}
    with Progress(*columns, console=console) as progress:

        def show(step: Step) -> None:
            text = f"{step.name}, loss {step.loss:.3f}"
            if step.name not in bars:
                bars[step.name] = progress.add_task(text, total=step.total)
            progress.update(bars[step.name], completed=step.done, description=text)  # type: ignore[arg-type]

        yield show


def _plainly(show: Callable[..., object]) -> Callable[[Step], None]:
    def line(step: Step) -> None:
        if step.done * PLAIN_SHARE // step.total > (step.done - 1) * PLAIN_SHARE // step.total:
            text = f"{step.name}: step {step.done} of {step.total}, loss {step.loss:.4f}"
            show(printable(text), markup=False, soft_wrap=True)

    return line
