"""Integrals of functions that are smooth between known points, many panels at a time.

Gauss-Kronrod rules with 7 and 15 nodes: their difference, which far exceeds the error of the finer one, decides which
panels are halved. Singular ends are met by halving towards them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import FloatArray

INTEGRAL_ERROR = 1e-11
"""Largest error of an integral, relative to the integral of the absolute value."""
_MAX_PANELS = 1 << 18

_HALF_NODES = (
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926,
    0.741531185599394439863864773280788, 0.586087235467691130294144691693013, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
)  # fmt: skip
_HALF_WEIGHTS = (
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204, 0.104790010322250183839876322541518,
    0.140653259715525918745189590510238, 0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
)  # fmt: skip
_HALF_GAUSS = (0.129484966168869693270611432679, 0.279705391489276667901467771424, 0.381830050505118944950369775489)
_NODES = np.array([*(-x for x in _HALF_NODES), 0.0, *reversed(_HALF_NODES)])
_KRONROD = np.array([*_HALF_WEIGHTS, 0.209482141084727828012999174891714, *reversed(_HALF_WEIGHTS)])
_GAUSS = np.zeros(15)
_GAUSS[1::2] = [*_HALF_GAUSS, 0.417959183673469387755102040816327, *reversed(_HALF_GAUSS)]


def integrate(function: Callable[[FloatArray], FloatArray], edges: FloatArray) -> float:
    """Integral of a non-negative function from the first edge to the last.

    Parameters
    ----------
    function : callable
        Takes a vector of points, none of which is an edge.
    edges : FloatArray
        Ascending; between two of them the function is smooth, though perhaps singular at them.

    Raises
    ------
    UnsupportedError
        If the error stays above :data:`INTEGRAL_ERROR`.
    """
    low, high = edges[:-1], edges[1:]
    settled = settled_error = 0.0
    while 0 < len(low) <= _MAX_PANELS:
        half = (high - low) / 2.0
        points = ((high + low) / 2.0)[:, None] + half[:, None] * _NODES
        values = function(points.ravel()).reshape(points.shape)
        panels = half * (values @ _KRONROD)
        errors = np.abs(panels - half * (values @ _GAUSS))
        total = settled + float(panels.sum())
        allowed = INTEGRAL_ERROR * total
        if settled_error + float(errors.sum()) <= allowed:
            return total
        # A panel that has its share of half of the allowance, or cannot be halved, is left alone.
        middle = (low + high) / 2.0
        is_open = (errors > allowed / 4.0 / len(errors)) & (low < middle) & (middle < high)
        settled += float(panels[~is_open].sum())
        settled_error += float(errors[~is_open].sum())
        low, middle, high = low[is_open], middle[is_open], high[is_open]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    raise UnsupportedError("the distribution is too uneven to be integrated to eleven digits: simulate instead")
