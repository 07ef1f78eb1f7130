"""The folder of an export: what is written into it, and what is taken away of an older one."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.documents import readable_json, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.export.deployment import HEAD, PROGRAM
from rocoin_opt.profiling.export.manifest import FORMAT, VERSION, Manifest
from rocoin_opt.writing import require_folder, write_bytes, write_text

if TYPE_CHECKING:
    from torch import Tensor

    from rocoin_opt.plan import PlanDocument
    from rocoin_opt.profiling.export.deployment import Deployment

MANIFEST, CHECKSUMS = "manifest.json", "SHA256SUMS"
STUDENTS = "students"


def require_export_folder(folder: str | Path) -> None:
    """Refuse a folder that holds anything but an older export, or in which nothing can be written.

    Raises
    ------
    InputError
        If that is so.
    """
    require_folder(folder)
    place = Path(folder)
    if not os.path.lexists(place):
        return
    allowed = "a new folder, an empty one, or an older export"
    if not place.is_dir():
        raise InputError(os.fspath(folder), [Problem("", "no folder", allowed)])
    strange = sorted(path.name for path in place.iterdir())
    if strange and MANIFEST not in strange:
        raise InputError(os.fspath(folder), [Problem("", f"other files, {strange[0]} among them", allowed)])


def export_files(folder: Path) -> list[Path]:
    """List the files that an export writes besides its students."""
    return [folder / name for name in (MANIFEST, CHECKSUMS, HEAD, PROGRAM)]


def manifest_of(made: Deployment, document: PlanDocument, deadline: float | None) -> Manifest:
    """Join what was exported with the plan that it is for.

    Parameters
    ----------
    made : Deployment
        The students of the plan.
    document : PlanDocument
        The plan.
    deadline : float, optional
        Seconds after which the source takes what has arrived.

    Raises
    ------
    InputError
        If a field is not what the format allows.
    """
    listed = [
        {"file": name, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(made.files.items())
    ]
    digests = {entry["file"]: entry["sha256"] for entry in listed}
    run = {
        k: entry["file"]
        for k, part in enumerate(made.fields["parts"])
        for entry in part["files"]
        if entry["precision"] == made.fields["precision"]
    }
    fields: dict[str, Any] = {
        "instance": document.instance.model_dump(mode="json"),
        **made.fields,
        "devices": [
            {"id": device, "part": k, "file": run[k], "sha256": digests[run[k]]}
            for k, group in enumerate(document.groups)
            for device in group.devices
        ],
        "source": {**made.fields["source"], "deadline_seconds": deadline},
        "files": listed,
    }
    return validate(Manifest, fields, MANIFEST)


def write_export(folder: str | Path, made: Deployment, manifest: Manifest) -> None:
    """Write an export. The list of checksums comes last: without it, or with an older one, the source refuses the rest.

    Parameters
    ----------
    folder : str or Path
        New, empty, or with an older export; students of that one which are not replaced are taken away.
    made : Deployment
        What to write.
    manifest : Manifest
        Of the same.

    Raises
    ------
    InputError
        If the folder holds other things, or a file cannot be written.
    """
    require_export_folder(folder)
    place = Path(folder)
    try:
        (place / STUDENTS).mkdir(parents=True, exist_ok=True)
        for old in sorted((place / STUDENTS).glob("part-*.onnx")):
            if f"{STUDENTS}/{old.name}" not in made.files:
                old.unlink()
    except OSError as error:
        raise InputError(os.fspath(folder), [Problem("", error.strerror or str(error), "a writable folder")]) from None
    for name, content in made.files.items():
        write_bytes(place / name, content)
    text = readable_json({"format": FORMAT, "version": VERSION, **manifest.model_dump(mode="json")}) + "\n"
    write_text(place / MANIFEST, text)
    digests = {MANIFEST: hashlib.sha256(text.encode()).hexdigest()}
    digests |= {entry.file: entry.sha256 for entry in manifest.files}
    write_text(place / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))


def write_images(path: str | Path, images: Tensor, labels: Tensor) -> None:
    """Write images as the reference source reads them.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` file.
    images, labels : Tensor, N x C x H x W and N
        As the students take them.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, images=images.numpy(), labels=labels.numpy())
    write_bytes(path, stream.getvalue())
