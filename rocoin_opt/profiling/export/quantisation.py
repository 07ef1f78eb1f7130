"""A converted student in whole numbers of 8 bits: static quantisation, its ranges seen on calibration images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from rocoin_opt.profiling.export.conversion import IMAGE, operators_of, quietly, refused

if TYPE_CHECKING:
    from onnx import ModelProto

CALIBRATION_IMAGES = 256
"""Most images that ranges are seen on; they lie evenly over what is there, so that every class of a sorted set is."""
MOVERS = frozenset(("QuantizeLinear", "DequantizeLinear"))
COMPUTING = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul", "GRU", "LSTM", "RNN", "Attention"))
"""Operators that do the work of a network; those that take real numbers after quantisation are told."""


def int8_model(model: ModelProto, images: np.ndarray[Any, Any], name: str) -> ModelProto:
    """Quantise a model: weights symmetrically by channel, activations by tensor, both to signed 8 bits.

    Input and output stay 32-bit floats; the model quantises the image itself. Ranges are the smallest and the largest
    value that the calibration images lead to.

    Parameters
    ----------
    model : ModelProto
        With real numbers; it is left as it is.
    images : array, N x C x H x W
        For calibration; at most :data:`CALIBRATION_IMAGES` of them are taken.
    name : str
        What to call the student in a message.

    Raises
    ------
    UnsupportedError
        If none of its operators has an int8 form.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter(chosen(images))

        def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
            row = next(self.rows, None)
            return None if row is None else {IMAGE: np.ascontiguousarray(row[None], dtype=np.float32)}

    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    with tempfile.TemporaryDirectory(prefix="rocoin-opt-int8-") as folder, quietly():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            copied,
            path,
            Images(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        found = onnx.load(path)
    if not any(node.op_type in MOVERS for node in found.graph.node):
        raise refused(name, f"none of its operators has an int8 form: {', '.join(operators_of(model))}")
    return found


def chosen(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Take at most :data:`CALIBRATION_IMAGES` images, evenly from all."""
    places = np.unique(np.linspace(0, len(images) - 1, min(CALIBRATION_IMAGES, len(images))).round().astype(int))
    taken: np.ndarray[Any, Any] = images[places]
    return taken


def float_operators(model: ModelProto) -> tuple[str, ...]:
    """Kinds of computing operators of a quantised model that still take real numbers, a recurrent layer say."""
    whole = {out for node in model.graph.node if node.op_type == "DequantizeLinear" for out in node.output}
    return tuple(
        sorted(
            {
                node.op_type
                for node in model.graph.node
                if node.op_type in COMPUTING and not all(name in whole for name in node.input[:2])
            }
        )
    )
