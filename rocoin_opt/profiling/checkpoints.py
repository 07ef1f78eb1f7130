"""Files of weights: written in one step, and read without executing anything in them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.writing import write_bytes

if TYPE_CHECKING:
    from torch import nn

HOLDERS = ("module", "state_dict", "model", "model_state_dict", "weights")
"""What a dictionary may call the weights in it."""
WRAPPERS = ("module.", "_orig_mod.")
"""What ``DataParallel`` and ``torch.compile`` put before the name of each weight."""
KEYS_SHOWN = 4

UNREADABLE = (OSError, EOFError, ValueError, TypeError, RuntimeError)
"""What PyTorch raises for a file that is no file of weights."""


def write_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and texts, in dictionaries and lists, as one file; its folder is made where needed.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(os.fspath(path), [Problem("", str(error), "a writable file")]) from None
    content = io.BytesIO()
    torch.save(state, content)
    write_bytes(path, content.getvalue())


def read_state(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_state` wrote, onto the CPU.

    Raises
    ------
    InputError
        If the file cannot be read, or holds anything but weights.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        # PyTorch's own words advise to read the file without this protection.
        found = "no weights, or a pickle of more than tensors, numbers and texts, which is never run"
        raise InputError(os.fspath(path), [Problem("", found, "a file of weights")]) from None
    except KeyError:
        # PyTorch says no more than the byte that it stumbled over.
        raise InputError(os.fspath(path), [Problem("", "no file that PyTorch wrote", "a file of weights")]) from None
    except UNREADABLE as error:
        text = getattr(error, "strerror", None) or str(error)
        found = text.partition("\n")[0] or "a file that ends too early"
        raise InputError(os.fspath(path), [Problem("", found, "a file of weights")]) from None
    if not isinstance(state, dict):
        raise InputError(os.fspath(path), [Problem("", f"a {type(state).__name__}", "a dictionary of weights")])
    return state


def load_weights(module: nn.Module, path: str | Path, allowed: str) -> None:
    """Load weights into a module. No code in the file is ever run.

    Parameters
    ----------
    module : Module
        Whose weights they are.
    path : str or Path
        File of a ``state_dict``, or of a dictionary that holds it under one of :data:`HOLDERS`. Names may begin with
        what a wrapper puts before them, see :data:`WRAPPERS`.
    allowed : str
        What the file has to be, for the error.

    Raises
    ------
    InputError
        If the file cannot be read, or the weights do not fit: which are missing, unknown or of another shape.
    """
    state: dict[str, Any] = read_state(path)
    inner = next((state[key] for key in HOLDERS if isinstance(state.get(key), Mapping)), state)
    own = module.state_dict()
    weights = _unwrapped(dict(inner), own)
    faults = _misfits(weights, own)
    if not faults:
        try:
            module.load_state_dict(weights)
        except (RuntimeError, TypeError, AttributeError, ValueError) as error:
            faults = " ".join(str(error).split())[:300]
    if faults:
        raise InputError(os.fspath(path), [Problem("", faults, allowed)])


def _unwrapped(weights: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Weights without the names of wrappers, where all of them have it and the module's own have not."""
    while weights.keys() != own.keys():
        prefix = next((p for p in WRAPPERS if all(str(name).startswith(p) for name in weights)), None)
        if prefix is None or not weights or all(name.startswith(prefix) for name in own):
            break
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _misfits(weights: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """What keeps weights from fitting, names first; empty where nothing does."""
    # What a module keeps beside its tensors is its own affair.
    strange = [
        str(name)
        for name, value in weights.items()
        if not isinstance(value, torch.Tensor) and not str(name).endswith("_extra_state")
    ]
    missing = [name for name in own if name not in weights]
    unknown = [str(name) for name in weights if name not in own]
    shapes = [
        f"{name} ({' x '.join(map(str, weights[name].shape))}, not {' x '.join(map(str, value.shape))})"
        for name, value in own.items()
        if isinstance(value, torch.Tensor) and isinstance(weights.get(name), torch.Tensor)
        if weights[name].shape != value.shape
    ]
    found = (("missing", missing), ("unknown", unknown), ("of another shape", shapes), ("no weights", strange))
    return "; ".join(f"{len(names)} {kind}: {_few(names)}" for kind, names in found if names)


def _few(names: list[str]) -> str:
    return ", ".join(names[:KEYS_SHOWN]) + (", ..." if len(names) > KEYS_SHOWN else "")
