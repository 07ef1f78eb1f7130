"""Replayed traces: what was measured of many devices during the same requests, so that they depend as they did.

A trial of a simulation replays one request: the factors of all traced devices come from one row. Whatever slowed them
down together, a shared link or a common load, slows them down together again, without a law for it.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.documents import MAX_PROBLEMS_SHOWN
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure.monte_carlo.draws import request_rows
from rocoin_opt.instance import LARGEST, MAX_MATRIX_BYTES, SMALLEST, ArchiveError, read_arrays
from rocoin_opt.writing import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray

MAX_REQUESTS = 2**20
"""Most requests: a word of 32 bits then draws each of them with the same probability but for a share of 2^-12."""
MEASURED = ("compute", "link", "alive")
"""What may be measured of a request and a device."""
UNTRACED = -1
"""The place of a replica without a trace."""


@dataclass(frozen=True, eq=False)
class Traces:
    """Measurements of R requests on N devices; arrays are copied, and read-only.

    For a device with a trace, only the choice of the request is random, and its crash if ``alive`` is
    absent. Its own slowdown laws are not used, not even for a factor that is absent here. Its failure domain still
    fails as the instance says: leave the domain out of the instance where ``alive`` holds its failures too.

    Attributes
    ----------
    devices : tuple of str, N
        Identifiers of the devices, one a column.
    compute : FloatArray, R x N, optional
        Factors on the compute time, from 1e-15 to 1e24; 1 where absent.
    link : FloatArray, R x N, optional
        Factors on the transfer time, likewise.
    alive : BoolArray, R x N, optional
        Whether the device itself was up; replaces its crash probability.

    Raises
    ------
    InputError
        Naming the array, and the entry, that is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> ro.Traces(("device-0",), compute=np.array([[1.0], [1.4]])).requests
    2
    """

    devices: tuple[str, ...]
    compute: FloatArray | None = None
    link: FloatArray | None = None
    alive: BoolArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "devices", tuple(self.devices))
        problems = [*_device_problems(self.devices), *_array_problems(self)]
        if problems:
            raise InputError("traces", problems[:MAX_PROBLEMS_SHOWN])
        for name in self.measured:
            values = np.array(getattr(self, name), dtype=np.bool_ if name == "alive" else np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the arrays that are present, among :data:`MEASURED`."""
        return tuple(name for name in MEASURED if getattr(self, name) is not None)

    @property
    def requests(self) -> int:
        """Number of requests R."""
        return len(getattr(self, self.measured[0]))

    @property
    def has_factors(self) -> bool:
        """Whether latencies were measured, not only whether devices were up."""
        return self.compute is not None or self.link is not None

    def require_known(self, instance: Instance) -> None:
        """Refuse devices that the instance does not have.

        Raises
        ------
        InputError
            Naming them.
        """
        known = instance.arrays.device_index
        problems = [
            Problem(f"devices[{place}]", repr(name), "an identifier of the instance")
            for place, name in enumerate(self.devices)
            if name not in known
        ]
        if problems:
            raise InputError("traces", problems[:MAX_PROBLEMS_SHOWN])


def read_traces(path: str | Path, instance: Instance) -> Traces:
    """Read the traces of an instance's devices from an ``.npz`` file; nothing is ever unpickled.

    Parameters
    ----------
    path : str or Path
        File with the array ``devices`` (N identifiers) and at least one of ``compute``, ``link`` and ``alive``
        (R x N): see :class:`Traces`. It may unpack to 256 MiB.
    instance : Instance
        The instance of the devices; those that the file leaves out keep their laws and crash probabilities.

    Returns
    -------
    Traces
        In the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, or holds other arrays, other values, or devices that the instance does not have.

    Examples
    --------
    >>> import numpy as np
    >>> np.savez("traces.npz", devices=np.array(["device-0"]), compute=np.array([[1.0], [1.4]]))
    >>> ro.read_traces("traces.npz", instance).measured
    ('compute',)
    """
    source = os.fspath(path)
    allowed = f"an .npz file with arrays devices, {', '.join(MEASURED)}, and no pickled objects"
    try:
        arrays = read_arrays(Path(path))
    except FileNotFoundError:
        raise InputError(source, [Problem("", "no such file", "a readable file")]) from None
    except ArchiveError as error:
        raise InputError(source, [Problem("", str(error), allowed)]) from None
    devices = arrays.pop("devices", np.empty(0))
    problems = [Problem(name, "an array of this name", allowed) for name in sorted(set(arrays) - set(MEASURED))]
    if devices.ndim != 1 or devices.dtype.kind != "U":
        found = f"{devices.dtype} of shape {devices.shape}" if devices.size else "nothing"
        problems.append(Problem("devices", found, "an array of identifiers (texts), one a device"))
    elif len(devices) > len(instance.devices):
        # As texts they could take up a hundred times the memory.
        found = f"{len(devices)} identifiers"
        problems.append(Problem("devices", found, f"those of the instance, which has {len(instance.devices)}"))
    problems += [
        Problem(name, f"{8 * values.size} bytes as floats", f"at most {MAX_MATRIX_BYTES} bytes")
        for name, values in arrays.items()
        if name != "alive" and 8 * values.size > MAX_MATRIX_BYTES
    ]
    if problems:
        raise InputError(source, problems[:MAX_PROBLEMS_SHOWN])
    try:
        traces = Traces(tuple(devices.tolist()), **arrays)
        traces.require_known(instance)
    except InputError as error:
        raise InputError(source, error.problems) from None
    # NumPy's answer to texts with characters that there cannot be.
    except (SystemError, ValueError) as error:
        raise InputError(source, [Problem("devices", str(error) or "no text", allowed)]) from None
    return traces


def write_traces(path: str | Path, traces: Traces) -> None:
    """Write traces into an ``.npz`` file that :func:`read_traces` reads.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    content = io.BytesIO()
    arrays = {name: getattr(traces, name) for name in traces.measured}
    np.savez_compressed(content, devices=np.array(traces.devices, dtype=np.str_), **arrays)
    write_bytes(path, content.getvalue())


@dataclass(frozen=True, eq=False)
class Replay:
    """Traces of a plan's replicas, one device a row, so that what is drawn together lies together.

    Attributes
    ----------
    place : IntArray, one a replica
        Row of its device in the arrays; :data:`UNTRACED` without a trace.
    requests : int
        Number of requests.
    compute, link : FloatArray, devices x requests, or None
        Factors; None where they are 1.
    alive : BoolArray, devices x requests, or None
        Who was up; None where crashes are drawn.
    """

    place: IntArray
    requests: int
    compute: FloatArray | None
    link: FloatArray | None
    alive: BoolArray | None

    @property
    def has_factors(self) -> bool:
        """Whether answer times follow from the traces, and not only who answers."""
        return self.compute is not None or self.link is not None

    @classmethod
    def of(cls, traces: Traces | None, devices: Sequence[str]) -> Replay | None:
        """Pick what concerns the replicas on these devices; None where no trace does."""
        if traces is None or set(devices).isdisjoint(traces.devices):
            return None
        column = {name: place for place, name in enumerate(traces.devices)}
        used = [column[name] for name in devices if name in column]
        is_traced = np.array([name in column for name in devices])

        def rows_of(values: Any) -> Any:
            return None if values is None else np.ascontiguousarray(values[:, used].T)

        return cls(
            place=np.where(is_traced, np.cumsum(is_traced) - 1, UNTRACED),
            requests=traces.requests,
            compute=rows_of(traces.compute),
            link=rows_of(traces.link),
            alive=rows_of(traces.alive),
        )

    def drawn(self, seed: int, first_block: int, blocks: int) -> Replayed:
        """Draw the request of each trial.

        Parameters
        ----------
        seed : int
            Of the simulation.
        first_block, blocks : int
            The first block of trials, and how many.
        """
        return Replayed(self, request_rows(seed, first_block, blocks, self.requests))


@dataclass(frozen=True, eq=False)
class Replayed:
    """The requests that some trials replay; what they say of a replica is None where it is not measured.

    Attributes
    ----------
    replay : Replay
        All requests.
    rows : IntArray
        The request of each trial.
    """

    replay: Replay
    rows: IntArray

    def compute(self, replica: int) -> FloatArray | None:
        """Factors on its compute time, in the shape of ``rows``."""
        factors: FloatArray | None = self._measured(self.replay.compute, replica)
        return factors

    def link(self, replica: int) -> FloatArray | None:
        """Factors on its transfer time."""
        factors: FloatArray | None = self._measured(self.replay.link, replica)
        return factors

    def crashes(self, replica: int) -> BoolArray | None:
        """Whether its device itself was down."""
        alive: BoolArray | None = self._measured(self.replay.alive, replica)
        return None if alive is None else ~alive

    def _measured(self, values: Any, replica: int) -> Any:
        place = self.replay.place[replica]
        return None if values is None or place == UNTRACED else values[place][self.rows]


def _device_problems(devices: tuple[str, ...]) -> Iterator[Problem]:
    if not devices:
        yield Problem("devices", "none", "at least one device")
    seen: set[str] = set()
    for place, name in enumerate(devices):
        if name in seen or not name:
            yield Problem(f"devices[{place}]", repr(name), "different, non-empty identifiers")
        seen.add(name)


def _array_problems(traces: Traces) -> Iterator[Problem]:
    if not traces.measured:
        yield Problem("", f"none of {', '.join(MEASURED)}", "at least one of them")
    requests = None
    for name in traces.measured:
        values = getattr(traces, name)
        kinds, words = ("b", "truth values") if name == "alive" else ("fiu", "real numbers")
        if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds:
            found = f"values of type {values.dtype if isinstance(values, np.ndarray) else type(values).__name__}"
            yield Problem(name, found, f"an array of {words}")
            continue
        # The first array says how many requests there are.
        rows = f"1 to {MAX_REQUESTS}" if requests is None else f"{requests}"
        allowed = f"{rows} requests (rows) x {len(traces.devices)} devices (columns)"
        if values.ndim != 2 or values.shape[1] != len(traces.devices) or not 1 <= len(values) <= MAX_REQUESTS:
            yield Problem(name, f"an array of shape {values.shape}", allowed)
            continue
        requests = len(values) if requests is None else requests
        if len(values) != requests:
            yield Problem(name, f"an array of shape {values.shape}", allowed)
        elif name != "alive":
            yield from _factor_problems(name, values)


def _factor_problems(name: str, values: Any) -> Iterator[Problem]:
    with np.errstate(over="ignore"):
        factors = values.astype(np.float64, copy=False)
    # Written so that what is not a number is refused as well.
    wrong = np.flatnonzero(~((factors >= SMALLEST) & (factors <= LARGEST)))
    if len(wrong):
        row, column = divmod(int(wrong[0]), factors.shape[1])
        yield Problem(f"{name}[{row}, {column}]", f"{factors[row, column]:g}", f"from {SMALLEST:g} to {LARGEST:g}")
