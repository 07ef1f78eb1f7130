"""Pages whose pictures nobody looks at."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay no picture out, which takes most of the time of a page: for tests of what stands around the pictures."""

    def saved(self: object, stream: Any, **_: object) -> None:
        stream.write('<svg xmlns="http://www.w3.org/2000/svg"/>')

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", saved)
