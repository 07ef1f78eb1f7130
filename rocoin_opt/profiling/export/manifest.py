"""The manifest of an export: what each file is, who gets it, and how the source puts answers together."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from rocoin_opt.documents import Items, Model, document_schema
from rocoin_opt.instance import Count, Figure, Identifier, Index, Positive, Probability

FORMAT = "rocoin-opt/export"
VERSION = 1

Precision: TypeAlias = Literal["float32", "int8"]
Digest: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Tensor(Model):
    """Input or output of the students' files."""

    name: Identifier
    """Its name in the file."""
    shape: Items[Count]
    """Its sizes: of an image 1, C, H and W, of features 1 and the size of the part."""
    type: Literal["float32"] = "float32"
    """What its numbers are, in int8 files too."""


class Scaling(Model):
    """Students see ``(pixel - mean) / deviation``, in units of the pixels as cameras give them: 0 to 255 for bytes."""

    means: Items[Figure]
    """Mean of each channel, C."""
    deviations: Items[Positive]
    """Deviation of each channel, C."""


class Image(Tensor):
    """Input of the students' files."""

    scaling: Scaling | None
    """How pixels become this input; null where nobody said so."""


class StudentFile(Model):
    """A part's student in one precision."""

    file: Identifier
    """Path in the folder of the export."""
    precision: Precision
    """Of weights and activations inside."""
    float_operators: Items[Identifier] = ()
    """Operators of an int8 file that compute in real numbers all the same, as they have no int8 form."""


class Part(Model):
    """One part: who makes its features, and where they belong."""

    student: Identifier
    """Student of the part's group, by its name in the plan."""
    filters: Annotated[Items[Index], Field(min_length=1)]
    """Place of each feature among all, in the order in which a student sends them."""
    features: Tensor
    """Output of the part's files."""
    files: Annotated[Items[StudentFile], Field(min_length=1)]
    """The part's student, once or in both precisions."""


class DeviceFile(Model):
    """What a device runs."""

    id: Identifier
    """Name of the device in the instance."""
    part: Index
    """Number of its part, from 0, as in ``parts``."""
    file: Identifier
    """File to load onto it. Devices of a part have the same."""
    sha256: Digest
    """SHA-256 of that file."""


class SourceRule(Model):
    """What the source does with answers."""

    program: Identifier
    """The reference source."""
    head: Identifier
    """An ``.npz`` file with ``weight`` (classes x M), ``bias`` (classes) and ``fill`` (M)."""
    fill: Literal["zero", "mean"]
    """What ``fill`` of the head holds, for the features of missing parts: zeros, or means over the training images."""
    deadline_seconds: Positive | None
    """When the source takes what has arrived; null where it waits for all parts."""


class PrecisionAccuracy(Model):
    """Share of the images that are put into their class."""

    precision: Precision
    """Of the students."""
    all_parts: Probability
    """With all parts."""
    without_each: Items[Probability]
    """With one part missing, for each part."""


class Measured(Model):
    """What the exported files are worth, run by ONNX Runtime with the source's rule."""

    data: Identifier
    """The images."""
    images: Count
    """How many they are."""
    calibration: Identifier | None
    """Images that int8 ranges were seen on; null without int8 files."""
    precisions: Items[PrecisionAccuracy]
    """One entry a precision."""


class ListedFile(Model):
    """A file of the export."""

    file: Identifier
    """Path in the folder of the export, with slashes."""
    size_bytes: Annotated[int, Field(strict=True, ge=0)]
    """Its size."""
    sha256: Digest
    """SHA-256 of its content."""


class ExportedFor(Model):
    """The instance that the plan was made for."""

    name: Identifier
    """Its name."""
    sha256: Digest
    """Its fingerprint."""


class Manifest(Model):
    """Content of ``manifest.json``."""

    instance: ExportedFor
    """The instance that the plan was made for."""
    precision: Precision
    """Of the files that the devices run."""
    opset: Count
    """Version of ONNX's operators in all files."""
    num_classes: Count
    """Classes."""
    num_filters: Count
    """Features of all parts together, M."""
    classes: Items[Identifier]
    """Names of the classes by number; empty where nobody named them."""
    image: Image
    """Input of all students' files: one image, scaled."""
    parts: Annotated[Items[Part], Field(min_length=1)]
    """All parts, in the order of the plan's groups."""
    devices: Items[DeviceFile]
    """All devices in groups, by part."""
    source: SourceRule
    """What the source does."""
    accuracy: Measured
    """What the files were measured with."""
    files: Items[ListedFile]
    """All other files of the export but the list of checksums."""
    versions: dict[str, str]
    """Versions of what made the files."""


def manifest_schema() -> dict[str, Any]:
    """Make the JSON Schema of the manifest of an export."""
    return document_schema(Manifest, FORMAT, VERSION)
