"""What an export holds: converted students, checked on images against PyTorch, the source's head, and the manifest."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rocoin_opt.profiling.export.conversion import FEATURES, IMAGE, OPSET, onnx_model, refusal, refused
from rocoin_opt.profiling.export.quantisation import float_operators, int8_model
from rocoin_opt.profiling.export.reference_source import ExportError, Source
from rocoin_opt.profiling.images.labelled_images import LabelledImages, part_of

if TYPE_CHECKING:
    from rocoin_opt.profiling import Dataset, Ensemble, Fill

TOLERANCE = 1e-5
"""Largest difference of a feature to PyTorch's, in units of the part's largest feature where that is above 1."""
BATCH = 256
"""Images that PyTorch takes at once."""
HEAD, PROGRAM = "head.npz", "source.py"
MAKERS = ("rocoin-opt", "torch", "onnx", "onnxruntime", "onnxscript", "numpy")
"""Packages that bear on the bytes of an export."""


@dataclass(frozen=True, eq=False)
class Deployment:
    """Students as files, and what they were measured with.

    Attributes
    ----------
    fields : dict
        Of the manifest: all that follows from the students and the images.
    files : dict of str to bytes
        Content of each file but manifest and checksums, by its path in the folder.
    largest_difference : float
        Between a feature of ONNX Runtime and PyTorch's, float32.
    moved : int
        Images that ONNX Runtime's float32 students put into another class than PyTorch's, with all parts or without
        one: only those can be that are as near to one class as to another.
    checked : LabelledImages
        The images that the files were checked and measured on.
    """

    fields: dict[str, Any]
    files: dict[str, bytes]
    largest_difference: float
    moved: int
    checked: LabelledImages


def deploy(
    ensemble: Ensemble,
    names: list[str],
    data: Dataset,
    *,
    int8: bool = False,
    fill: Fill = "zero",
    part: str = "test",
    opset: int | None = None,
) -> Deployment:
    """Convert the students of an ensemble, check them, and measure their accuracy.

    Parameters
    ----------
    ensemble : Ensemble
        Trained; it is left in evaluation mode, on the CPU.
    names : list of str, K
        What each part's student is called.
    data : Dataset
        Images of the students' kind, scaled as they were trained: the files are checked on all of one part.
    int8 : bool
        Whether there are int8 files too, which the devices then run; ranges are seen on training images.
    fill : Fill
        What the source puts in place of missing parts.
    part : {'train', 'validation', 'test'}
        Part of the data that the files are checked and measured on.
    opset : int, optional
        Version of ONNX's operators; :data:`rocoin_opt.profiling.export.conversion.OPSET` where absent.

    Raises
    ------
    InputError
        If there is no such part, the students are of other classes, or one of them does not run on the images.
    UnsupportedError
        If a student cannot be converted, with that opset, or gives other features in ONNX Runtime; names the operator.
    """
    titles = [f"part {k}, student {name}" for k, name in enumerate(names)]
    ensemble.cpu().eval()
    ensemble.require_classes(data.num_classes, data.classes, "data")
    checked = part_of(data, part)
    images, labels = checked.images, checked.labels
    with torch.no_grad():
        # Code of the user may change what it is given.
        features = torch.cat([ensemble.features(batch.clone()) for batch in torch.split(images, BATCH)]).numpy()
    expected = [features[:, list(part)] for part in ensemble.parts]
    precisions = ("float32", "int8") if int8 else ("float32",)
    files = {HEAD: _head(ensemble, fill), PROGRAM: _program()}
    parts = []
    for k, title in enumerate(titles):
        models = {"float32": onnx_model(ensemble.students[k], images.shape[1:], title, opset)}
        if int8:
            models["int8"] = int8_model(models["float32"], data.train.images.numpy(), title)
        entries = []
        for precision, model in models.items():
            path = f"students/part-{k}.onnx" if precision == "float32" else f"students/part-{k}-{precision}.onnx"
            files[path] = model.SerializeToString(deterministic=True)
            left = float_operators(model) if precision == "int8" else ()
            entries.append({"file": path, "precision": precision, "float_operators": list(left)})
        size = len(ensemble.parts[k])
        parts.append(
            {
                "student": names[k],
                "filters": list(ensemble.parts[k]),
                "features": {"name": FEATURES, "shape": [1, size], "type": "float32"},
                "files": entries,
            }
        )
    fields = {
        "precision": precisions[-1],
        "opset": OPSET if opset is None else opset,
        "num_classes": ensemble.head.out_features,
        "num_filters": ensemble.num_filters,
        "classes": list(ensemble.classes or data.classes),
        "image": {
            "name": IMAGE,
            "shape": [1, *images.shape[1:]],
            "type": "float32",
            "scaling": None if data.scaling is None else data.scaling.model_dump(mode="json"),
        },
        "parts": parts,
        "source": {"program": PROGRAM, "head": HEAD, "fill": fill},
        "versions": {name: version(name) for name in MAKERS},
    }
    rows, largest, moved = [], 0.0, 0
    for precision in precisions:
        source = _source(fields, files, precision, titles)
        answers = source.features(images.numpy())
        if precision == "float32":
            largest = max(map(_difference, answers, expected, titles))
            moved = _moved(ensemble, source, answers, expected, fill)
        rows.append({"precision": precision, **_accuracy(source, answers, labels.numpy())})
    measured = {
        "data": checked.source,
        "images": len(images),
        "calibration": part_of(data, "train").source if int8 else None,
        "precisions": rows,
    }
    return Deployment({**fields, "accuracy": measured}, files, largest, moved, checked)


def _source(fields: dict[str, Any], files: dict[str, bytes], precision: str, titles: list[str]) -> Source:
    """Load the students, each alone: who fails is to be named."""
    for part, title in zip(fields["parts"], titles, strict=True):
        try:
            Source({**fields, "parts": [part]}, files, precision)
        except ExportError:
            raise
        except Exception as error:
            # ONNX Runtime's errors have no base of their own.
            raise refusal(title, error) from None
    return Source(fields, files, precision)


def _difference(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], title: str) -> float:
    """Largest difference of features; refuse one above the tolerance."""
    largest = float(np.abs(found - expected).max())
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    # NaN is not within any tolerance.
    if not largest <= allowed:
        raise refused(
            title,
            f"its features differ by {largest:.3g} from PyTorch's on {len(found)} images, where {allowed:.3g} is "
            "allowed: does its pass depend on chance, or on the other images of a batch?",
        )
    return largest


def _moved(
    ensemble: Ensemble,
    source: Source,
    answers: list[np.ndarray[Any, Any]],
    expected: list[np.ndarray[Any, Any]],
    fill: Fill,
) -> int:
    """Images that end in another class than PyTorch's, with all parts or without one of them."""
    parts = range(len(answers))
    moved = np.zeros(len(answers[0]), dtype=bool)
    with torch.no_grad():
        features = ensemble.joined([torch.from_numpy(answer) for answer in expected])
        for gone in ((), *((k,) for k in parts)):
            classes = ensemble.logits(features, [k for k in parts if k not in gone], fill).argmax(1).numpy()
            moved |= classes != source.classes(answers, gone)
    return int(moved.sum())


def _accuracy(source: Source, answers: list[np.ndarray[Any, Any]], labels: np.ndarray[Any, Any]) -> dict[str, Any]:
    def share(*missing: int) -> float:
        return float((source.classes(answers, missing) == labels).mean())

    return {"all_parts": share(), "without_each": [share(k) for k in range(len(answers))]}


def _head(ensemble: Ensemble, fill: Fill) -> bytes:
    """Write the head as an ``.npz`` file; NumPy dates what is in it to 1980, so that the same head is the same file."""
    state = ensemble.head.state_dict()
    stream = io.BytesIO()
    np.savez(stream, weight=state["weight"].numpy(), bias=state["bias"].numpy(), fill=ensemble.filling(fill).numpy())
    return stream.getvalue()


def _program() -> bytes:
    return Path(__file__).with_name("reference_source.py").read_bytes()
