"""Slowdown factors from uniform words: inverse distribution functions, tabulated.

A table cuts each half of the unit interval into octaves towards its end, and each octave into :data:`CUTS` segments of
equal width with a cubic polynomial each: fine where the tails are thin. Only multiplications and additions of doubles
remain, so compiled and interpreted code agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution import DiscreteFactor, factor_of
from rocoin_opt.instance import Empirical

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.draws import Word32Array
    from rocoin_opt.instance import FloatArray, Slowdown

CUTS = 64
"""Segments per octave, a power of 2."""
OCTAVES = 32
"""From half a word, the end of the unit interval, to its middle."""
MANTISSA_SHIFT = 46
"""Bits of a double below its exponent and the number of the segment."""
FIRST_SEGMENT = (1023 - 1) * CUTS
"""The exponent and segment bits of 0.5, where the first octave begins."""
HALF_RANGE = 2**31
MAX_ERROR = 1e-6
"""Largest distance of a tabulated factor from the exact one, relative where it is above 1, absolute below.

Laws of a shape or tail index from 1, or a sigma up to 1, stay below 1e-9; what exceeds the limit is refused.
"""
LARGEST_FACTOR = 1e200
"""What exceeds it stands at it: far beyond any deadline, and no time that it multiplies becomes infinite."""
_DEGREE = 3
_CHECKS = (0.0, 0.27, 0.5, 0.73, 1.0)


@dataclass(frozen=True, eq=False)
class FactorTable:
    """How a factor follows from a uniform 32-bit word; read-only.

    Attributes
    ----------
    coefficients : FloatArray, 2 x (OCTAVES * CUTS) x 4
        Cubic polynomials of the lower and the upper half, ascending powers; empty for measured factors.
    values : FloatArray
        Measured factors, one of which is drawn; empty for the other laws.
    """

    coefficients: FloatArray
    values: FloatArray

    def factors(self, words: Word32Array) -> FloatArray:
        """Factors of words; the word w stands for the uniform (w + 1/2) / 2^32."""
        if len(self.values):
            picks = (words.astype(np.uint64) * np.uint64(len(self.values))) >> np.uint64(32)
            measured: FloatArray = self.values[picks.astype(np.int64)]
            return measured
        is_upper = words >= HALF_RANGE
        # From the nearer end, so that both tails have as many digits.
        distance = np.where(is_upper, ~words, words).astype(np.float64) + 0.5
        bits = distance.view(np.uint64)
        segment = (bits >> np.uint64(MANTISSA_SHIFT)).astype(np.int64) - FIRST_SEGMENT
        rest = (bits & np.uint64(2**MANTISSA_SHIFT - 1)).astype(np.float64) * 2.0**-MANTISSA_SHIFT
        cubic = self.coefficients.reshape(-1, _DEGREE + 1)[segment + OCTAVES * CUTS * is_upper]
        result: FloatArray = ((cubic[..., 3] * rest + cubic[..., 2]) * rest + cubic[..., 1]) * rest + cubic[..., 0]
        return result


@lru_cache(maxsize=256)
def factor_table(law: Slowdown) -> FactorTable:
    """Tabulate a law that is not constant.

    Raises
    ------
    UnsupportedError
        If the law is too extreme for a table that keeps :data:`MAX_ERROR`.
    """
    if isinstance(law, Empirical):
        return FactorTable(np.empty((2, 0, _DEGREE + 1)), np.array(law.values))
    factor = factor_of(law)
    if isinstance(factor, DiscreteFactor):
        raise TypeError(f"{law!r} is no random factor")
    octave, cut = np.divmod(np.arange(OCTAVES * CUTS), CUTS)
    width = 2.0**octave / 2 / CUTS
    start = (CUTS + cut) * width
    # Chebyshev's nodes keep a cubic near the best one on its segment.
    nodes = 0.5 - 0.5 * np.cos(np.pi * (2 * np.arange(_DEGREE + 1) + 1) / (2 * _DEGREE + 2))
    to_powers = np.linalg.inv(np.vander(nodes, increasing=True))
    checks = np.array(_CHECKS)
    coefficients = np.empty((2, OCTAVES * CUTS, _DEGREE + 1))
    for half, inverse in enumerate((factor.ppf, factor.isf)):

        def exact(places: FloatArray, inverse: Any = inverse) -> FloatArray:
            tails = (start[:, None] + width[:, None] * places) / (2.0 * HALF_RANGE)
            within: FloatArray = np.minimum(inverse(tails), LARGEST_FACTOR)
            return within

        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            coefficients[half] = exact(nodes) @ to_powers.T
            wanted = exact(checks)
            error = np.abs(coefficients[half] @ np.vander(checks, _DEGREE + 1, increasing=True).T - wanted)
        # Written so that what is not a number is refused as well.
        if not np.all(error <= MAX_ERROR * np.maximum(wanted, 1.0)):
            raise UnsupportedError(f"the slowdown law {law!r} is too extreme to be simulated")
    coefficients.flags.writeable = False
    return FactorTable(coefficients, np.empty(0))
