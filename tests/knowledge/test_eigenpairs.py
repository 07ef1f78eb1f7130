"""Eigenvalues where the fastest driver gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.linalg import LinAlgError, eigh, eigvalsh

from rocoin_opt.knowledge.eigenpairs import largest_eigenpairs, smallest_eigenvalues

if TYPE_CHECKING:
    from collections.abc import Callable

MATRIX = np.diag([3.0, 1.0, 2.0, -1.0])


def _failing(function: Callable[..., Any]) -> Callable[..., Any]:
    def failing(matrix: Any, **options: Any) -> Any:
        if "subset_by_index" in options:
            raise LinAlgError("Internal Error.")
        return function(matrix, **options)

    return failing


@pytest.mark.parametrize("fails", [False, True])
def test_largest_and_smallest(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if fails:
        monkeypatch.setattr("scipy.linalg.eigh", _failing(eigh))
        monkeypatch.setattr("scipy.linalg.eigvalsh", _failing(eigvalsh))
    values, vectors = largest_eigenpairs(MATRIX, 2)
    assert values == pytest.approx([2.0, 3.0])
    assert MATRIX @ vectors == pytest.approx(vectors * values)
    assert smallest_eigenvalues(MATRIX, 3) == pytest.approx([-1.0, 1.0, 2.0])
