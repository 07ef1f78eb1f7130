"""Single pictures, by Pillow: a file or bytes to an array of channels, height and width."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.errors import InputError, Problem, missing_extra
from rocoin_opt.profiling.images.given import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.profiling.images.given import PixelArray

GREY, COLOUR = ("1", "L"), ("RGB", "RGBA", "P", "CMYK", "YCbCr", "LA", "PA")
"""Modes of Pillow that are read as one channel, and as three. Alpha is left out."""


def decoded(pictures: Sequence[Path | bytes], names: Sequence[str], size: tuple[int, int] | None = None) -> PixelArray:
    """Decode pictures of one size.

    Parameters
    ----------
    pictures : sequence of Path or bytes, N
        Files or their content. All grey gives one channel, else all have three. Of an animation the first picture.
    names : sequence of str, N
        What each is called in an error.
    size : (int, int), optional
        Height and width to scale to; else all must be of one size.

    Returns
    -------
    PixelArray, N x C x H x W
        Bytes.

    Raises
    ------
    InputError
        If one is no picture or of another size, or all together are too large.
    UnsupportedError
        If Pillow is not installed.
    """
    if find_spec("PIL") is None:
        raise missing_extra("reading pictures needs Pillow", "torch")
    if size is not None and not all(1 <= side <= 2**14 for side in size):
        raise InputError("options", [Problem("image_size", f"{size[0]} x {size[1]}", "sides from 1 to 16384 pixels")])
    read: list[Any] = []
    total = 0
    for picture, name in zip(pictures, names, strict=True):
        pixels = _decoded(picture, name, size)
        read.append(pixels)
        total += pixels.nbytes
        if total > MAX_BYTES:
            raise InputError(name, [Problem("", f"more than {MAX_BYTES} bytes of pixels up to here", "fewer images")])
        if pixels.shape[:2] != read[0].shape[:2]:
            (height, width), (first, second) = pixels.shape[:2], read[0].shape[:2]
            allowed = f"{first} x {second} as {names[0]}; or a size for all of them (--image-size)"
            raise InputError(name, [Problem("size", f"{height} x {width} pixels", allowed)])
    if all(pixels.ndim == 2 for pixels in read):
        return np.stack(read)[:, None]
    return np.stack([p if p.ndim == 3 else np.repeat(p[:, :, None], 3, axis=2) for p in read]).transpose(0, 3, 1, 2)


def _decoded(picture: Path | bytes, name: str, size: tuple[int, int] | None) -> PixelArray:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # A picture so large that Pillow suspects an attack.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(picture if isinstance(picture, Path) else io.BytesIO(picture)) as opened:
                mode = opened.mode
                if mode not in (*GREY, *COLOUR):
                    raise InputError(name, [Problem("mode", repr(mode), "grey or colour of 8 bits a channel")])
                image = opened.convert("L" if mode in GREY else "RGB")
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    except InputError:
        raise
    except Exception as error:
        # A damaged file makes Pillow raise nearly anything.
        found = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(name, [Problem("", found, "a picture that Pillow reads")]) from None
    return np.asarray(image)
