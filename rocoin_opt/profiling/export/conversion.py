"""A student as an ONNX model: one image in, the features of its part out, and nothing in it that depends on the day."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from typing import TYPE_CHECKING, Any

import onnx
import torch

from rocoin_opt.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import ModelProto
    from torch import nn

OPSET = 18
"""Version of the operators: the oldest that PyTorch's exporter writes without a conversion, for old tools of boards."""
IMAGE, FEATURES = "image", "features"
"""Names of input and output."""
OPERATORS = (
    r"No ONNX function found for <OpOverload\(op='([\w.]+)'",
    r"Could not find an implementation for ([\w.]+)",
    r"No Op registered for ([\w.]+)",
    r"target=torch\.ops\.([\w.]+)",
    r"\b(aten\.\w+)",
)
"""Where messages of PyTorch and ONNX Runtime name an operator, the surest first."""


def onnx_model(student: nn.Module, shape: Sequence[int], name: str, opset: int | None = None) -> ModelProto:
    """Convert a student that is in evaluation mode.

    Parameters
    ----------
    student : Module
        From images, N x C x H x W, to features, N x s.
    shape : sequence of int
        Of an image: C, H, W.
    name : str
        What to call the student in a message.
    opset : int, optional
        Version of the operators; :data:`OPSET` where absent.

    Returns
    -------
    ModelProto
        From ``image``, 1 x C x H x W, to ``features``, 1 x s, float32. The same student gives the same bytes.

    Raises
    ------
    UnsupportedError
        If the student cannot be converted; names the operator. If its operators are not in that version.
    """
    wanted = OPSET if opset is None else opset
    blank = torch.zeros(1, *shape)
    try:
        with quietly(), torch.no_grad():
            program = torch.onnx.export(
                student,
                (blank,),
                input_names=[IMAGE],
                output_names=[FEATURES],
                opset_version=wanted,
                dynamo=True,
                verbose=False,
            )
        if program is None:
            raise TypeError("no program")
        model: ModelProto = program.model_proto
    except Exception as error:
        # PyTorch's exporter raises errors of many kinds, also for what a module of the user does.
        raise refusal(name, error) from None
    # For versions that it does not know, the exporter writes another one, and is content.
    found = next((entry.version for entry in model.opset_import if not entry.domain), None)
    if found != wanted:
        newest = onnx.defs.onnx_opset_version()
        raise refused(
            name, f"with opset {wanted}: PyTorch's exporter wrote opset {found}; allowed: {OPSET} to {newest}"
        )
    _forget_origin(model)
    return model


def refusal(name: str, error: BaseException) -> UnsupportedError:
    """Make the error for a student that cannot become an ONNX model which runs.

    Parameters
    ----------
    name : str
        What to call the student.
    error : BaseException
        What PyTorch or ONNX Runtime raised.
    """
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__
    texts = [str(found) for found in reversed(causes)]
    operator = next((found[1] for pattern in OPERATORS for text in texts if (found := re.search(pattern, text))), None)
    first = " ".join((texts[0].strip() or type(causes[-1]).__name__).partition("\n")[0].split())[:200]
    if "data-dependent" in texts[0].lower():
        why = f"its pass depends on the values of the image ({first})"
    elif operator is None:
        why = first
    else:
        why = f"the operator {operator.removesuffix('.default')} has no counterpart that ONNX Runtime runs"
    return refused(name, why)


def refused(name: str, why: str) -> UnsupportedError:
    """Make the error for a student that cannot be exported, and why."""
    return UnsupportedError(f"{name} cannot be exported as ONNX: {why}")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what the libraries print, log and warn of to themselves: it is about their own code."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def operators_of(model: ModelProto) -> tuple[str, ...]:
    """Names of the operators of a model, each once, in order."""
    return tuple(sorted({node.op_type for node in model.graph.node}))


def _forget_origin(model: ModelProto) -> None:
    """Take out what says where on which machine the model was made: paths of files, and traces of the export."""
    parts: list[Any] = [model, model.graph, *model.functions]
    for part in (model.graph, *model.functions):
        parts += part.node
    parts += [*model.graph.initializer, *model.graph.input, *model.graph.output, *model.graph.value_info]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
