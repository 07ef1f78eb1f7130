"""Whether one device delivers by a time: its defective delivery distribution, at a few times and many part sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.distribution.convolution import CONVOLUTION_ERROR
from rocoin_opt.failure.distribution.response import SumResponse, response_of

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution.response import MixedResponse, StepResponse
    from rocoin_opt.instance import Instance

CLOSED_FORM_ERROR = 1e-12
"""Largest relative error of a tail in closed form: exponentials far out lose some digits, and nothing is subtracted."""


class DeliveryProbabilities:
    """Probabilities that devices have not delivered by a time.

    Parameters
    ----------
    instance : Instance
        What was given; failure domains play no part.

    Raises
    ------
    UnsupportedError
        From :meth:`missed`, if a law is too extreme; see :func:`rocoin_opt.failure.distribution.response.response_of`.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._responses: dict[tuple[int, int, int], StepResponse | MixedResponse | SumResponse] = {}

    def missed(self, device: int, student: int, size: int, seconds: float, *, at_least: bool = False) -> float:
        """1 - G_n(t): probability that a device has not delivered a part by t, by indices.

        ``at_least`` asks for a lower bound on it: the probability less its error, where it is computed by rounding or
        quadrature. A device with a constant latency has none.

        Parameters
        ----------
        device, student : int
            Indices of the instance's arrays.
        size : int
            Filters of the part.
        seconds : float
            The time t.
        at_least : bool
            Whether to give a lower bound, see above.
        """
        given = self.instance.devices[device]
        if not given.is_random:
            is_late = bool(self.instance.arrays.latency(device, student, size) > seconds)
            return 1.0 if is_late else given.failure_probability
        response = self._response(device, student, size)
        times = np.array([seconds])
        if isinstance(response, SumResponse):
            # Each size is asked for at a time or two: no table would pay.
            late, error = float(response.computed_tails(times)[1][0]), CONVOLUTION_ERROR
        else:
            late = float(response.tails(times)[1][0])
            # A mixture adds a rounding for each of its terms.
            error = late * (CLOSED_FORM_ERROR + response.terms * np.finfo(np.float64).eps)
        if at_least:
            late = max(late - error, 0.0)
        return given.failure_probability + (1.0 - given.failure_probability) * late

    def has_end(self, device: int, student: int, size: int) -> bool:
        """Whether there is a time by which a surviving device has surely delivered.

        Parameters
        ----------
        device, student : int
            Indices of the instance's arrays.
        size : int
            Filters of the part.
        """
        return self._response(device, student, size).is_step

    def earliest(self, device: int, student: int, size: int) -> float:
        """Seconds before which no answer comes.

        Parameters
        ----------
        device, student : int
            Indices of the instance's arrays.
        size : int
            Filters of the part.
        """
        return self._response(device, student, size).earliest

    def _response(self, device: int, student: int, size: int) -> StepResponse | MixedResponse | SumResponse:
        key = device, student, size
        if key not in self._responses:
            self._responses[key] = response_of(self.instance, device, student, size)
        return self._responses[key]
