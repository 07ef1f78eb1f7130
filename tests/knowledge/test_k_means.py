from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.knowledge.k_means import cluster_means, k_means, squared_distances


def test_separate_clouds_are_found() -> None:
    rng = np.random.default_rng(0)
    clouds = np.repeat([0, 1, 2], 20)
    points = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])[clouds] + rng.normal(size=(60, 2))
    labels = k_means(points, 3, np.random.default_rng(1))
    assert len(set(zip(labels.tolist(), clouds.tolist(), strict=True))) == 3


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 7.0]), min_size=1, max_size=8), st.data())
def test_no_cluster_is_empty_even_if_points_repeat(values: list[float], data: st.DataObject) -> None:
    clusters = data.draw(st.integers(1, len(values)))
    points = np.array(values)[:, None]
    labels = k_means(points, clusters, np.random.default_rng(data.draw(st.integers(0, 3))))
    assert set(labels.tolist()) == set(range(clusters))


def test_every_point_is_nearest_to_its_own_mean() -> None:
    points = np.random.default_rng(2).random((50, 3))
    labels = k_means(points, 4, np.random.default_rng(0))
    means = cluster_means(points, labels, 4)
    assert means[1] == pytest.approx(points[labels == 1].mean(axis=0))
    distances = squared_distances(points, means)
    assert distances[7, 2] == pytest.approx(((points[7] - means[2]) ** 2).sum())
    assert np.array_equal(distances.argmin(axis=1), labels)
