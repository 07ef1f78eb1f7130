"""Slowdown laws for drawn devices: how much their compute and transfer times vary.

The shapes are the usual ones, the parameters are assumptions: nobody has measured them for these boards. A lognormal
factor on the compute time stands for other work and throttling, a shifted exponential one on the transfer time for
retransmissions; the latter is the common model of stragglers [1]_.

References
----------
.. [1] K. Lee, M. Lam, R. Pedarsani, D. Papailiopoulos, K. Ramchandran. Speeding up distributed machine learning using
   codes. IEEE Transactions on Information Theory 64(3), 2018. arXiv 1512.02673.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.instance import LogNormal, ShiftedExponential
from rocoin_opt.instance.generate.draws import uniform

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Device

SIGMAS = (0.1, 0.4)
"""Range of the standard deviation of the logarithm of a compute factor."""
RATES = (2.0, 8.0)
"""Range of the rate of a link factor's exponential part: transfers take 12 to 50 % longer on average."""
LINK_SHARE = 0.25
"""Share of the devices whose link has a law too."""


def with_slowdowns(rng: Generator, devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """Give every device a law of compute, and some a law of the link."""
    return tuple(_slowed(rng, device) for device in devices)


def _slowed(rng: Generator, device: Device) -> Device:
    compute, rate = LogNormal(sigma=uniform(rng, *SIGMAS)), uniform(rng, *RATES)
    has_link_law = bool(rng.random() < LINK_SHARE)
    return device._replace(
        {
            "compute_slowdown": compute,
            "link_slowdown": ShiftedExponential(rate=rate) if has_link_law else None,
            "source": f"{device.source}; slowdown laws assumed",
        }
    )
