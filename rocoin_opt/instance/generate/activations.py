"""Synthetic mean activations of a teacher's filters, and the filter graph that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import FloatArray, IntArray

IMAGES = 160
"""Images behind a graph, at least one of each class."""
OWN_CLASS, OTHER_CLASS = 1.0, 0.05
"""Mean response of a filter to images of its own class and of the others."""
SMALLEST_GAIN, LARGEST_GAIN = 0.4, 1.6
"""Range of the filters' gains, log-uniform: the weights get about as heavy a tail as measured for a WRN-40-4."""
SHARED_CLASS_CHANCE = 0.25
"""Chance that a filter also speaks for a second class."""


def draw_activations(rng: Generator, num_filters: int, num_classes: int) -> tuple[FloatArray, IntArray]:
    """Draw mean activations of filters that speak for one class, some for two.

    Parameters
    ----------
    rng : Generator
        Source of the draws.
    num_filters, num_classes : int
        M and C.

    Returns
    -------
    activations : FloatArray, images x M
        Non-negative: the filter's gain times its response to the class, times a gamma factor of shape 2 and mean 1.
    labels : IntArray, images
        Class of each image; every class has equally many.
    """
    own = (rng.random(num_filters) * num_classes).astype(np.int64)
    second = (rng.random(num_filters) * num_classes).astype(np.int64)
    is_shared = rng.random(num_filters) < SHARED_CLASS_CHANCE
    gain = SMALLEST_GAIN * (LARGEST_GAIN / SMALLEST_GAIN) ** rng.random(num_filters)
    classes = np.arange(num_classes)
    speaks = (own[:, None] == classes) | (is_shared[:, None] & (second[:, None] == classes))
    response = gain[:, None] * np.where(speaks, OWN_CLASS, OTHER_CLASS)
    labels = np.repeat(classes, max(1, IMAGES // num_classes))
    # The sum of two exponentials is a gamma variable of shape 2; 1 - u keeps the logarithm finite.
    uniforms = rng.random((2, len(labels), num_filters))
    noise = -0.5 * np.log1p(-uniforms).sum(axis=0)
    return response[:, labels].T * noise, labels


def activation_graph(activations: FloatArray) -> FloatArray:
    """Filter graph by NoNN's rule: ``A_ij = sum over images of a_i a_j |a_i - a_j|``.

    Parameters
    ----------
    activations : FloatArray, images x M
        Mean activation of each filter on each image.

    Returns
    -------
    FloatArray, M x M
        Symmetric, non-negative, zero diagonal. Images are streamed: memory is that of a few M x M matrices.

    References
    ----------
    .. [1] NoNN, arXiv 1907.11804.
    """
    weights = np.zeros((activations.shape[1],) * 2)
    for image in activations:
        weights += np.multiply.outer(image, image) * np.abs(np.subtract.outer(image, image))
    return weights


def class_means(activations: FloatArray, labels: IntArray) -> FloatArray:
    """Mean activation of each filter by class, C x M, for equally many images of each class in a row."""
    num_classes = int(labels.max()) + 1
    means: FloatArray = activations.reshape(num_classes, -1, activations.shape[1]).mean(axis=1)
    return means


def rounded_array(values: FloatArray, digits: int) -> FloatArray:
    """Round non-negative values to decimals such that the largest keeps so many digits."""
    largest = float(values.max())
    decimals = digits - 1 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    return np.round(values, decimals)
