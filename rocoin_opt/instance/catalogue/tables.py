"""The catalogue's tables: JSON lists of objects, shipped inside the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

from rocoin_opt.documents import Model, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

RowT = TypeVar("RowT", bound=Model)


def read_table(name: str, model: type[RowT]) -> Iterator[RowT]:
    """Read and validate the rows of one table.

    Parameters
    ----------
    name : str
        File name inside the catalogue, for example ``devices.json``.
    model : type
        What every row must be.
    """
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    for position, row in enumerate(json.loads(text)):
        yield validate(model, row, f"{name}[{position}]")
