"""Files of weights: written in one step, and read without executing anything in them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.writing import write_bytes

UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError)
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
    except UNREADABLE as error:
        found = str(error).partition("\n")[0] or "a file that ends too early"
        raise InputError(os.fspath(path), [Problem("", found, "a file of weights")]) from None
    if not isinstance(state, dict):
        raise InputError(os.fspath(path), [Problem("", f"a {type(state).__name__}", "a dictionary of weights")])
    return state
