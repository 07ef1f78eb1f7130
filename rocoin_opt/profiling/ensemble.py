"""Students that answer together: one a part, and the head that classifies from whatever parts have arrived."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias, get_args

import torch
from pydantic import Field
from torch import nn

from rocoin_opt.documents import Items, Model, read_document, readable_json, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Count, Identifier, Index
from rocoin_opt.profiling.checkpoints import read_state, write_state
from rocoin_opt.profiling.counting.own_code import calling
from rocoin_opt.profiling.images.scaling import Scaling
from rocoin_opt.profiling.learning.steps import beside_each_other
from rocoin_opt.profiling.networks import FilterNetwork
from rocoin_opt.profiling.specifications import network_builder
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from torch import Tensor

    from rocoin_opt.plan import Plan

FORMAT = "rocoin-opt/ensemble"
VERSION = 1
DESCRIPTION, WEIGHTS = "ensemble.json", "weights.pt"
"""Files of a saved ensemble."""

Fill: TypeAlias = Literal["zero", "mean"]
FILLS: tuple[Fill, ...] = get_args(Fill)
"""What stands in for the features of a missing part: zeros, or their means over the training images."""

Builder: TypeAlias = "Callable[..., nn.Module]"
"""Takes ``num_classes``, ``in_channels``, ``stem_stride`` and ``num_filters``, and makes a network.

It is a ``FilterNetwork``, or any other module that gives the features of a part of ``num_filters``, N x size.
"""
NO_BUILDERS: Mapping[str, Builder] = MappingProxyType({})


class Recipe(Model):
    """How to build a student network."""

    network: Identifier
    """Its name, see :func:`rocoin_opt.profiling.specifications.network_builder`, or a name of one's own."""
    in_channels: Count = 3
    """Channels of an image."""
    stem_stride: Count = 1
    """Stride of the first convolution."""
    num_filters: Count | None = None
    """Filters of the last convolution; as many as the network usually has where absent."""

    def build(self, own: Mapping[str, Builder] = NO_BUILDERS) -> nn.Module:
        """Build the network, without classifier.

        Parameters
        ----------
        own : mapping of str to callable
            Builders by names of one's own, which come first.

        Raises
        ------
        InputError
            If there is no network of that name, or it is a ``module:callable`` that nobody has allowed to run.
        """
        if ":" in self.network and self.network not in own:
            found = f"{self.network!r}, whose code would be run"
            allowed = (
                f"a network by name; or say that it may run: --own {self.network}, in Python own=own_networks([...])"
            )
            raise InputError("ensemble", [Problem("network", found, allowed)])
        build = own[self.network] if self.network in own else network_builder(self.network)
        return build(
            num_classes=0, in_channels=self.in_channels, stem_stride=self.stem_stride, num_filters=self.num_filters
        )


class EnsembleDocument(Model):
    """Content of ``ensemble.json``."""

    num_classes: Count
    """Classes of the head."""
    parts: Annotated[Items[Items[Index]], Field(min_length=1)]
    """Filters of each part."""
    recipes: Items[Recipe]
    """Network of each part's student."""
    scaling: Scaling | None = None
    """What was done to the pixels that the students learnt from; absent where nobody said so."""
    classes: Items[Identifier] = ()
    """Names of the classes by number; absent where nobody named them."""


class PartStudent(nn.Module):
    """A student network, and where its width is not the part's size a linear bridge to the part's filters.

    The bridge is a 1 x 1 convolution; applied after the mean over the map it gives the same and costs less.

    Parameters
    ----------
    network : Module
        A ``FilterNetwork``, from images to the maps of its own filters; or any other module, from images to the
        features of the part.
    size : int
        Filters of the part.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size
        width = network.num_filters if isinstance(network, FilterNetwork) else size
        self.bridge = nn.Identity() if width == size else nn.Linear(width, size)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of the part, N x size: what a device sends."""
        network = self.network
        features: Tensor = self.bridge(
            network.pooled(images) if isinstance(network, FilterNetwork) else network(images)
        )
        if features.shape != (len(images), self.size):
            found = f"{' x '.join(map(str, features.shape))} for {len(images)} images"
            raise InputError("ensemble", [Problem("student", found, f"{len(images)} x {self.size}")])
        return features


class Ensemble(nn.Module):
    """The students of all parts with their shared head.

    Parameters
    ----------
    recipes : sequence of Recipe
        Network of each part's student, K.
    parts : sequence of sequence of int
        Filters of each part, K; together 0 to M - 1, each once.
    num_classes : int
        Classes of the head.
    own : mapping of str to callable, optional
        Builders of your own networks, by the names that recipes use.
    scaling : Scaling, optional
        How the pixels were scaled that the students were trained on.
    classes : sequence of str
        Names of all classes by number; empty if they have none.

    Attributes
    ----------
    students : ModuleList of PartStudent
        ``students[k]`` makes the features of ``parts[k]`` in the order of the part.
    head : Linear
        From all M features, in the order of the filters, to the logits.
    feature_means : Tensor, M
        Mean of each feature over the training images: the fill ``mean``.

    Raises
    ------
    InputError
        If the parts are no partition, or there are not as many recipes as parts, or names as classes.
    """

    feature_means: Tensor

    def __init__(
        self,
        recipes: Sequence[Recipe],
        parts: Sequence[Sequence[int]],
        num_classes: int,
        *,
        own: Mapping[str, Builder] = NO_BUILDERS,
        scaling: Scaling | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.scaling, self.classes = scaling, tuple(classes)
        self.recipes = tuple(recipes)
        self.parts = tuple(tuple(int(m) for m in part) for part in parts)
        self.num_filters = sum(map(len, self.parts))
        if sorted(m for part in self.parts for m in part) != list(range(self.num_filters)) or not all(self.parts):
            found = f"parts of {', '.join(str(len(part)) for part in self.parts)} filters"
            allowed = "parts with at least one filter each that hold every filter from 0 once"
            raise InputError("ensemble", [Problem("parts", found, allowed)])
        if len(self.recipes) != len(self.parts):
            found = f"{len(self.recipes)} for {len(self.parts)} parts"
            raise InputError("ensemble", [Problem("recipes", found, "one for each part")])
        if len(self.classes) not in (0, num_classes):
            found = f"{len(self.classes)} names for {num_classes} classes"
            raise InputError("ensemble", [Problem("classes", found, "one for each class, or none")])
        self.students = nn.ModuleList(
            PartStudent(recipe.build(own), len(part)) for recipe, part in zip(self.recipes, self.parts, strict=True)
        )
        self.head = nn.Linear(self.num_filters, num_classes)
        self.register_buffer("feature_means", torch.zeros(self.num_filters))
        for k, part in enumerate(self.parts):
            # On the device of the students: indices from a list would be copied there at each step.
            self.register_buffer(f"filters_{k}", torch.tensor(part), persistent=False)

    def features(self, images: Tensor) -> Tensor:
        """Return all features, N x M, in the order of the filters."""
        calls = [partial(self.answer, part, images) for part in range(len(self.parts))]
        return self.joined(beside_each_other(calls, images))

    def answer(self, part: int, images: Tensor) -> Tensor:
        """Return the features of one part, N x size.

        Raises
        ------
        InputError
            If the student does not run on the images; names the line of the user's code.
        """
        with calling("students", "images", str(tuple(images.shape[1:])), "images that the students take"):
            features: Tensor = self.students[part](images)
        return features

    def joined(self, answers: Sequence[Tensor | None], fill: Fill = "zero") -> Tensor:
        """Join answers to N x M features.

        Parameters
        ----------
        answers : sequence of Tensor or None, K
            Features of each part, N x size; None where they have not arrived. At least one has.
        fill : {'zero', 'mean'}
            What stands in for the missing ones.
        """
        there = next(answer for answer in answers if answer is not None)
        result = self.filling(fill).to(there.dtype).repeat(len(there), 1)
        for k, answer in enumerate(answers):
            if answer is not None:
                result[:, self.filters(k)] = answer.to(result.dtype)
        return result

    def filters(self, part: int) -> Tensor:
        """Return the filters of a part, on the device of the students."""
        return self.get_buffer(f"filters_{part}")

    def logits(self, features: Tensor, arrived: Collection[int] | None = None, fill: Fill = "zero") -> Tensor:
        """Classify features, N x M, of which only the parts in ``arrived`` count; all where it is None.

        Parameters
        ----------
        features : Tensor, shape (N, M)
            Of all parts.
        arrived : collection of int, optional
            Indices of the parts that count.
        fill : Fill
            What stands for the others.
        """
        if arrived is not None:
            missing = [m for k, part in enumerate(self.parts) if k not in arrived for m in part]
            features = features.clone()
            features[:, missing] = self.filling(fill)[missing]
        logits: Tensor = self.head(features)
        return logits

    def forward(self, images: Tensor, arrived: Collection[int] | None = None, fill: Fill = "zero") -> Tensor:
        """Return the logits, N x classes, with the parts that have arrived; all where ``arrived`` is None.

        Parameters
        ----------
        images : Tensor, shape (N, C, H, W)
            The images.
        arrived : collection of int, optional
            Indices of the parts that count.
        fill : Fill
            What stands for the others.
        """
        return self.logits(self.features(images), arrived, fill)

    def filling(self, fill: Fill) -> Tensor:
        """Return what replaces missing features, M: zeros, or the means over the training images.

        Raises
        ------
        InputError
            If there is no such fill.
        """
        if fill not in FILLS:
            raise InputError("options", [Problem("fill", repr(fill), f"one of {', '.join(FILLS)}")])
        return self.feature_means if fill == "mean" else torch.zeros_like(self.feature_means)

    def require_parts_of(self, plan: Plan) -> None:
        """Refuse a plan whose parts, in the order of its groups, are not those of the students.

        Raises
        ------
        InputError
            If the parts are others, or the plan does not name its filters.
        """
        planned = [None if group.filters is None else sorted(group.filters) for group in plan.groups]
        if planned != [sorted(part) for part in self.parts]:
            allowed = "students of the plan's parts, in the order of its groups"
            raise InputError("ensemble", [Problem("parts", "other parts than those of the plan", allowed)])

    def require_classes(self, num_classes: int, classes: Sequence[str], source: str) -> None:
        """Refuse images of other classes than those of the students.

        Parameters
        ----------
        num_classes : int
            How many the images have.
        classes : sequence of str
            Their names by number; empty where nobody gave them any.
        source : str
            Where the images come from, as the error is to call it.

        Raises
        ------
        InputError
            If there are more classes, or the names of the same numbers differ: every figure would be about others.
        """
        known = self.head.out_features
        if num_classes > known:
            problem = Problem("", f"{num_classes} classes", f"{known}, those of the students")
            raise InputError(source, [problem])
        pairs = enumerate(zip(classes, self.classes, strict=False))
        other = next(((k, found, own) for k, (found, own) in pairs if found != own), None)
        if other is not None:
            number, found, own = other
            allowed = f"{own!r}: the classes of the students, in their order"
            raise InputError(source, [Problem(f"class {number}", repr(found), allowed)])

    def save(self, folder: str | Path) -> None:
        """Write description and weights into a folder, each atomically."""
        write_state(Path(folder) / WEIGHTS, self.state_dict())
        fields = EnsembleDocument(
            num_classes=self.head.out_features,
            parts=self.parts,
            recipes=self.recipes,
            scaling=self.scaling,
            classes=self.classes,
        )
        absent = {name for name in ("scaling", "classes") if not getattr(self, name)}
        told = fields.model_dump(mode="json", exclude=absent)
        document = {"format": FORMAT, "version": VERSION, **told}
        write_text(Path(folder) / DESCRIPTION, readable_json(document) + "\n")

    @classmethod
    def load(cls, folder: str | Path, *, own: Mapping[str, Builder] = NO_BUILDERS) -> Self:
        """Read what :meth:`save` wrote, in evaluation mode. Nothing in the files is executed.

        Parameters
        ----------
        folder : str or Path
            The files.
        own : mapping of str to callable, optional
            Builders by the names of one's own that recipes use; see
            :func:`rocoin_opt.profiling.specifications.own_networks`. A file alone never makes code run.

        Raises
        ------
        InputError
            If a file is missing or damaged, or the weights do not fit the description.
        """
        source = Path(folder) / DESCRIPTION
        document = validate(EnsembleDocument, read_document(source, FORMAT, VERSION), os.fspath(source))
        ensemble = cls(
            document.recipes,
            document.parts,
            document.num_classes,
            own=own,
            scaling=document.scaling,
            classes=document.classes,
        )
        weights = Path(folder) / WEIGHTS
        try:
            ensemble.load_state_dict(read_state(weights))
        except (RuntimeError, TypeError, AttributeError) as error:
            faults = " ".join(str(error).split())[:300]
            raise InputError(os.fspath(weights), [Problem("", faults, f"weights that fit {DESCRIPTION}")]) from None
        return ensemble.eval()


def saved_files(folder: Path) -> list[Path]:
    """List the files that :meth:`Ensemble.save` writes, and :meth:`Ensemble.load` reads."""
    return [folder / DESCRIPTION, folder / WEIGHTS]
