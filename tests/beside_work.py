"""What processes beside a search do in tests."""

from __future__ import annotations

from rocoin_opt.processes import Line


def hears(handle: int) -> None:
    """Send everything back, until the parent is gone."""
    line = Line(handle)
    while True:
        line.send({"heard": line.next()})


def raises(handle: int) -> None:
    """End by an error once it was told something."""
    raise RuntimeError(f"no use for {Line(handle).next()}")


def ends(handle: int) -> None:
    """Have nothing to prove."""
    Line(handle).send({"ended": True})
