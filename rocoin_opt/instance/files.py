"""Instance files, version 1: reading, writing and the JSON Schema."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from rocoin_opt.documents import (
    canonical_json,
    document_schema,
    parse_document,
    read_text,
    readable_json,
    shown,
    validate,
)
from rocoin_opt.errors import InputError, MendedWarning, Problem
from rocoin_opt.instance.catalogue.units import tell_units
from rocoin_opt.instance.matrices import WITHOUT_FILES, ClassAffinity, FilterGraph
from rocoin_opt.instance.model import Instance
from rocoin_opt.writing import write_bytes, write_text

FORMAT = "rocoin-opt/instance"
VERSION = 1


def read_instance(path: str | Path) -> Instance:
    """Read and validate an instance file and its matrices.

    Parameters
    ----------
    path : str or Path
        A ``.json`` file of format ``rocoin-opt/instance``, version 1.

    Returns
    -------
    Instance
        Valid, with the matrices in memory.

    Raises
    ------
    InputError
        Naming every faulty field, what was found and what is allowed.

    Warns
    -----
    UnitWarning
        If a value looks as if it were in another unit, such as megabytes for bytes.

    Examples
    --------
    >>> ro.write_instance("fleet.json", instance)
    >>> ro.read_instance("fleet.json") == instance
    True
    """
    return parse_instance(read_text(path), os.fspath(path), Path(path).parent)


def given_instance(given: Instance | str | Path) -> Instance:
    """The instance itself, or the one of a file.

    Raises
    ------
    InputError
        If it is not valid, or what is given is neither.
    """
    if isinstance(given, str | os.PathLike):
        return read_instance(given)
    if not isinstance(given, Instance):
        raise InputError("instance", [Problem("", shown(given), "an instance, or the path of an instance file")])
    given.require_valid()
    return given


def parse_instance(text: str, source: str, folder: Path) -> Instance:
    """Parse and validate the text of an instance file whose matrices lie in a folder; see :func:`read_instance`.

    Parameters
    ----------
    text : str
        Content of the file.
    source : str
        What errors call the file.
    folder : Path
        Folder that the paths of matrices start from.
    """
    document = parse_document(text, source, FORMAT, VERSION)
    instance = validate(Instance, document, source, context={"folder": folder})
    tell_units(document, source)
    return instance


def canonical_text(text: str) -> str:
    """Bring the text of an instance file into one form, however its numbers, its order and its defaults are written.

    Matrices beside the file are not looked at.

    Raises
    ------
    InputError
        If this is no instance, or one that is faulty apart from its matrices.
    """
    document = parse_document(text, "instance", FORMAT, VERSION)
    instance = validate(Instance, document, "instance", context={WITHOUT_FILES: True})
    return canonical_json(instance.model_dump(mode="json"))


def write_instance(path: str | Path, instance: Instance) -> None:
    """Write an instance file, and its matrices into ``.npz`` files beside it.

    Parameters
    ----------
    path : str or Path
        The ``.json`` file to write. Matrices keep the file names they were read from; those made in Python are named
        after the instance file.
    instance : Instance
        What to write.

    Raises
    ------
    InputError
        If the file cannot be written.

    Examples
    --------
    >>> ro.write_instance("fleet.json", instance)
    >>> ro.solve("fleet.json", "greedy").plan == plan
    True
    """
    target = Path(path)
    fields = instance.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    # Devices that differ in their names alone stand there once.
    fields["devices"] = [
        {"id": entry.id, "count": entry.count, **_unnamed(fields["devices"][entry.devices.start])}
        if entry.count > 1
        else fields["devices"][entry.devices.start]
        for entry in instance.alike
    ]
    graph, affinity = instance.knowledge.graph, instance.knowledge.class_affinity
    if graph is not None and graph.edges is None:
        fields["knowledge"]["graph"] = {"path": _file_name(target, graph)}
    if affinity is not None:
        fields["knowledge"]["class_affinity"] = {"path": _file_name(target, affinity)}
    for name, matrices in _to_write(target, instance).items():
        file = target.parent / name
        if file == target:
            raise InputError(os.fspath(path), [Problem("", "the name of its own matrices", "a name ending in .json")])
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(os.fspath(file.parent), [Problem("", str(error), "a folder")]) from None
        content = io.BytesIO()
        arrays = dict(_named_array(matrix, instance.knowledge.num_filters) for matrix in matrices)
        np.savez_compressed(content, **arrays)
        write_bytes(file, content.getvalue())
    write_text(target, readable_json({"format": FORMAT, "version": VERSION, **fields}) + "\n")


def companions(path: str | Path, instance: Instance | None = None) -> list[Path]:
    """List the files that :func:`write_instance` would write beside an instance file.

    Parameters
    ----------
    path : str or Path
        The instance file.
    instance : Instance, optional
        What is to be written; without, one whose matrices were made in Python.

    Returns
    -------
    list of Path
        Without those that hold the matrices of the instance already.
    """
    target = Path(path)
    names = [f"{target.stem}.npz"] if instance is None else _to_write(target, instance)
    return [target.parent / name for name in names]


def matrix_files(instance: Instance, path: str | Path) -> list[Path]:
    """List the files beside an instance file that its matrices were read from.

    Parameters
    ----------
    instance : Instance
        As it was read.
    path : str or Path
        The instance file.
    """
    knowledge = instance.knowledge
    names = [matrix.path for matrix in (knowledge.graph, knowledge.class_affinity) if matrix is not None]
    return [Path(path).parent / name for name in names if name is not None]


def instance_schema() -> dict[str, Any]:
    """Make the JSON Schema of instance files.

    Returns
    -------
    dict
        A schema of draft 2020-12, generated from the data classes.

    Examples
    --------
    >>> ro.instance_schema()["title"]
    'rocoin-opt/instance'
    """
    return document_schema(Instance, FORMAT, VERSION)


def _unnamed(device: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in device.items() if name != "id"}


def _file_name(target: Path, matrix: FilterGraph | ClassAffinity) -> str:
    """Where a matrix goes: matrices that were read keep their file's name."""
    return matrix.path or f"{target.stem}.npz"


def _named_array(matrix: FilterGraph | ClassAffinity, num_filters: int) -> tuple[str, Any]:
    """Name in its file, and values, of a matrix."""
    if isinstance(matrix, FilterGraph):
        return "weights", matrix.dense(num_filters)
    return "class_affinity", matrix.values


def _to_write(target: Path, instance: Instance) -> dict[str, list[FilterGraph | ClassAffinity]]:
    """Matrices that belong beside an instance file and are not there, by the names of their files."""
    graph, affinity = instance.knowledge.graph, instance.knowledge.class_affinity
    found: dict[str, list[FilterGraph | ClassAffinity]] = {}
    for matrix in (None if graph is None or graph.edges is not None else graph, affinity):
        if matrix is not None:
            found.setdefault(_file_name(target, matrix), []).append(matrix)
    # A file that holds them may hold more, of other instances.
    return {
        name: matrices
        for name, matrices in found.items()
        if not all(matrix.path is not None and _is_stored(matrix, target.parent) for matrix in matrices)
    }


def _is_stored(matrix: FilterGraph | ClassAffinity, folder: Path) -> bool:
    """Whether a folder holds the file of a matrix, and in it that matrix."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MendedWarning)
        try:
            found = type(matrix).model_validate({"path": matrix.path}, context={"folder": folder})
        except ValidationError:
            return False
    return bool(found == matrix)
