"""Slowdown laws as data: what multiplies a device's compute time or its transfer time.

Every factor is positive. The laws' mathematics (sampling, distribution functions) belongs to the failure package.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from rocoin_opt.documents import Items, Model
from rocoin_opt.instance.fields import Positive


class Law(Model):
    """Base of the laws, told apart by their field ``law``."""

    def model_post_init(self, _: Any) -> None:
        """Count the law's name as given: a file without it could not be read again."""
        self.model_fields_set.add("law")


class Constant(Law):
    """The factor 1."""

    law: Literal["constant"] = "constant"


class ShiftedExponential(Law):
    """The factor 1 + Exp(rate)."""

    law: Literal["shifted_exponential"] = "shifted_exponential"
    rate: Positive
    """Rate of the exponential part; its mean is 1 / rate."""


class LogNormal(Law):
    """The factor exp(sigma Z) with Z standard normal: median 1."""

    law: Literal["lognormal"] = "lognormal"
    sigma: Positive
    """Standard deviation of the factor's logarithm."""


class Gamma(Law):
    """A gamma distributed factor of mean 1."""

    law: Literal["gamma"] = "gamma"
    shape: Positive
    """Shape; the scale is 1 / shape."""


class Weibull(Law):
    """A Weibull distributed factor of scale 1."""

    law: Literal["weibull"] = "weibull"
    shape: Positive
    """Shape."""


class Pareto(Law):
    """A Pareto distributed factor, at least 1."""

    law: Literal["pareto"] = "pareto"
    alpha: Positive
    """Tail index."""


class Empirical(Law):
    """A factor drawn uniformly from measured ones."""

    law: Literal["empirical"] = "empirical"
    values: Annotated[Items[Positive], Field(min_length=1)]
    """Measured factors."""


Slowdown = Annotated[
    Constant | ShiftedExponential | LogNormal | Gamma | Weibull | Pareto | Empirical, Field(discriminator="law")
]
