"""Where networks compute, from which random numbers, and with what arithmetic; afterwards all is as it was."""

from __future__ import annotations

import contextlib
import os
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

ARITHMETICS = ("float32", "tf32", "bf16")
"""Of convolutions and products of matrices: 32 bits throughout; on CUDA, factors of 19 bits; factors of 16 bits."""
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = (":4096:8", ":16:8")
"""Settings under which cuBLAS gives the same bytes each time, the first one for whoever has said nothing."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@contextlib.contextmanager
def placed(module: ModuleT, device: torch.device | None) -> Iterator[ModuleT]:
    """Put a module on a device and into evaluation mode; afterwards it is where and as it was, whatever happens.

    Parameters
    ----------
    module : Module
        Whose parameters and buffers lie on one device.
    device : torch.device or None
        Where it is to compute; None leaves it where it is.
    """
    home = next((tensor.device for tensor in chain(module.parameters(), module.buffers())), None)
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield module.to(device).eval()
    finally:
        module.to(home)
        for part, mode in modes:
            part.training = mode


@contextlib.contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Seed the global generators of the CPU, and of CUDA where it is in use; afterwards they are as they were.

    Whoever will draw on CUDA puts a module there before: a generator that is not in use yet is left alone.
    """
    used = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=used, device_type="cuda"):
        # torch.manual_seed would seed the devices that nobody puts back as well.
        torch.default_generator.manual_seed(seed)
        if used:
            torch.cuda.manual_seed_all(seed)
        yield


@contextlib.contextmanager
def computing(device: torch.device, arithmetic: str, deterministic: bool) -> Iterator[None]:
    """Have CUDA compute in a certain way; on a CPU there is nothing to choose but the factors of :func:`casting`.

    Parameters
    ----------
    device : torch.device
        Where the work is done.
    arithmetic : str
        One of :data:`ARITHMETICS`.
    deterministic : bool
        Whether the same work gives the same bytes each time: no sum whose order depends on chance. cuBLAS reads its
        workspace from the environment when it is first used, so this has to be said before.

    Raises
    ------
    InputError
        If the environment has a workspace with which cuBLAS is not deterministic.

    References
    ----------
    .. [1] PyTorch 2.13, *Reproducibility*; *Numerical accuracy*: ``fp32_precision`` is ``ieee`` or ``tf32``.
    """
    if device.type != "cuda":
        yield
        return
    if deterministic and os.environ.setdefault(WORKSPACE, WORKSPACES[0]) not in WORKSPACES:
        found, allowed = repr(os.environ[WORKSPACE]), f"{' or '.join(WORKSPACES)}, or not set"
        raise InputError("training", [Problem(f"deterministic, {WORKSPACE} of the environment", found, allowed)])
    # The stubs do not know these settings.
    backends: Any = torch.backends
    settings = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
    before = [setting.fp32_precision for setting in settings]
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    tried_out = torch.backends.cudnn.benchmark
    try:
        for setting in settings:
            setting.fp32_precision = "ieee" if arithmetic == "float32" else "tf32"
        if deterministic:
            torch.use_deterministic_algorithms(True)
            # Which algorithm is fastest is a matter of chance.
            torch.backends.cudnn.benchmark = False
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value
        torch.use_deterministic_algorithms(was_deterministic, warn_only=warned_only)
        torch.backends.cudnn.benchmark = tried_out


def casting(device: torch.device, arithmetic: str) -> contextlib.AbstractContextManager[object]:
    """Within, convolutions and products take factors of 16 bits where the arithmetic is ``bf16``.

    Parameters
    ----------
    device : torch.device
        Where the work is done.
    arithmetic : str
        One of :data:`ARITHMETICS`.
    """
    if arithmetic != "bf16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
