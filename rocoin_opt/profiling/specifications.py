"""Networks by name (``wrn-16-2``) or by import (``module:callable``), and weights from a file."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.checkpoints import load_weights
from rocoin_opt.profiling.counting.own_code import calling
from rocoin_opt.profiling.networks import FilterNetwork, mobile_net, resnet8, wide_resnet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rocoin_opt.profiling.network_profile import Builder

NAMES = "wrn-DEPTH-WIDTH, resnet8, mobilenet-WIDTH, or module:callable"


@dataclass(frozen=True)
class StudentBuilder:
    """A kind of student.

    Attributes
    ----------
    id : str
        Its name in the instance.
    build : callable
        Builds the student for a part of a given number of filters.
    usual_size : int, optional
        Filters of its last layer when it is not cut; None where it has no such number.
    """

    id: str
    build: Builder
    usual_size: int | None = None


def network_builder(name: str) -> Callable[..., FilterNetwork]:
    """Find a network by its name.

    Parameters
    ----------
    name : str
        ``wrn-DEPTH-WIDTH``, ``resnet8`` or ``mobilenet-WIDTH``.

    Returns
    -------
    callable
        Takes the keyword arguments ``num_classes``, ``in_channels``, ``stem_stride`` and ``num_filters``; see
        :func:`rocoin_opt.profiling.networks.wide_resnet`.

    Raises
    ------
    InputError
        If there is no network of that name.
    """
    if name == "resnet8":
        return resnet8
    if match := re.fullmatch(r"wrn-(\d+)-(\d+)", name):
        return partial(wide_resnet, int(match[1]), int(match[2]))
    if match := re.fullmatch(r"mobilenet-(\d+(?:\.\d+)?)", name):
        return partial(mobile_net, float(match[1]))
    raise InputError("options", [Problem("network", repr(name), NAMES)])


def load_teacher(
    name: str, weights: str | Path | None = None, *, num_classes: int = 10, in_channels: int = 3, stem_stride: int = 1
) -> nn.Module:
    """Make a teacher, and load its weights. No code in the file of weights is ever run.

    Parameters
    ----------
    name : str
        Name of a network, see :func:`network_builder`, which needs ``weights``; or ``module:callable``, which is
        imported, from the working folder too, and called without arguments.
    weights : str or Path, optional
        File of a ``state_dict``, or of a dictionary that holds it; see
        :func:`rocoin_opt.profiling.checkpoints.load_weights`.
    num_classes, in_channels, stem_stride : int
        Of a network by name.

    Raises
    ------
    InputError
        If there is no such network, the file cannot be read, or the weights do not fit the network.
    """
    if ":" not in name:
        network_builder(name)
        if weights is None:
            raise InputError("options", [Problem("weights", "nothing", f"a file of trained weights of {name}")])
    build = teacher_builder(name, weights, num_classes=num_classes, in_channels=in_channels, stem_stride=stem_stride)
    return build().eval()


def teacher_builder(
    name: str, weights: str | Path | None = None, *, num_classes: int = 10, in_channels: int = 3, stem_stride: int = 1
) -> Callable[[], nn.Module]:
    """Make the builder of a teacher that is to be trained.

    Parameters
    ----------
    name : str
        As for :func:`load_teacher`.
    weights : str or Path, optional
        What the training begins with; else weights by chance, or those that the callable gives.
    num_classes, in_channels, stem_stride : int
        Of a network by name.

    Returns
    -------
    callable
        Makes the network, with other first weights each time where there are no ``weights``.

    Raises
    ------
    InputError
        If there is no such network; the builder raises it as :func:`load_teacher` does.
    """
    sizes = {"num_classes": num_classes, "in_channels": in_channels, "stem_stride": stem_stride}
    make: Callable[[], nn.Module]
    make = partial(_made, name, imported(name)) if ":" in name else partial(network_builder(name), **sizes)

    def build() -> nn.Module:
        teacher = make()
        if weights is not None:
            load_weights(teacher, weights, f"weights of {name}")
        return teacher

    return build


def student_builder(name: str, *, in_channels: int = 3, stem_stride: int = 1) -> StudentBuilder:
    """Make the builder of a student, which has no classifier: it returns the mean of each filter of its part.

    Parameters
    ----------
    name : str
        Name of a network, see :func:`network_builder`, or ``module:callable``. The callable takes the number of
        filters of the part and returns a module.
    in_channels, stem_stride : int
        Of a network by name.
    """
    if ":" in name:
        build = imported(name)
        return StudentBuilder(name, lambda size: _made(name, build, size))
    network = partial(network_builder(name), num_classes=0, in_channels=in_channels, stem_stride=stem_stride)
    return StudentBuilder(name, lambda size: network(num_filters=size), network().num_filters)


def own_networks(names: Iterable[str]) -> dict[str, Callable[..., nn.Module]]:
    """Import your own networks, each a ``module:callable`` that takes the size of a part; its code runs.

    Parameters
    ----------
    names : iterable of str
        As students of an ensemble are called.

    Returns
    -------
    dict of str to callable
        Builders, as :class:`rocoin_opt.profiling.ensemble.Ensemble` takes them.

    Raises
    ------
    InputError
        If one of them is no such name, or cannot be imported.
    """
    return {name: partial(_own_network, name, imported(name)) for name in names}


def _own_network(name: str, build: Callable[..., Any], *, num_filters: int, **_: Any) -> nn.Module:
    return _made(name, build, num_filters)


def imported(specification: str) -> Callable[..., Any]:
    """Import ``module:callable``, looking into the working folder first.

    Raises
    ------
    InputError
        If there is no such module, or no such callable in it.
    """
    module_name, _, attribute = specification.partition(":")
    with (
        _importing(),
        calling("options", "network", specification, "module:callable, of a module that can be imported"),
    ):
        found = getattr(importlib.import_module(module_name), attribute)
    if not callable(found):
        raise InputError("options", [Problem("network", f"{specification}, a {type(found).__name__}", "a callable")])
    result: Callable[..., Any] = found
    return result


def _made(name: str, build: Callable[..., Any], *arguments: int) -> nn.Module:
    """Call what was imported, and refuse what is no network."""
    call = f"{name}({', '.join(map(str, arguments))})"
    allowed = "a callable without arguments for a teacher, one that takes the size of a part for a student, that runs"
    with _importing(), calling("options", "network", call, allowed):
        made = build(*arguments)
    if not isinstance(made, nn.Module):
        found = f"{call} is a {type(made).__name__}"
        raise InputError("options", [Problem("network", found, "a callable that returns a torch.nn.Module")])
    return made


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """Look for modules in the working folder first, those that a callable imports when it is called too."""
    folder = os.getcwd()  # noqa: PTH109 - the path of imports holds texts
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
