"""Students at work in their own processes: the classes are those of the ensemble with the parts that arrived."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from executed_plans import fleet
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.ensemble import Ensemble, Recipe
from rocoin_opt.profiling.execution.run import execute
from rocoin_opt.profiling.execution.students import classify, idle_student, load_student

RECIPE = Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=2)
PARTS = ((0, 1), (2, 3))
IMAGES = np.random.default_rng(0).standard_normal((6, 1, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Ensemble([RECIPE, RECIPE], PARTS, 5).eval()
        # Untrained features hardly differ from image to image: let what differs decide.
        torch.nn.init.normal_(made.head.weight, std=10.0)
        with torch.no_grad():
            made.head.bias.copy_(-made.head.weight @ made.features(torch.from_numpy(IMAGES)).mean(0))
    made.feature_means.fill_(3.0)
    return made


def test_a_loaded_student_is_that_of_the_part(ensemble, tmp_path):
    ensemble.save(tmp_path)
    threads = torch.get_num_threads()
    try:
        student = load_student(tmp_path, 1, (1, 8, 8))
    finally:
        torch.set_num_threads(threads)
    with torch.inference_mode():
        expected = ensemble.students[1](torch.from_numpy(IMAGES[:1]))[0].numpy()
    values = student(IMAGES[0])
    assert values.dtype == np.float32
    assert np.allclose(values, expected, atol=1e-6)


def test_an_idle_student_sends_zeros():
    assert idle_student(3)(IMAGES[0]).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("arrived", [(), (0,), (1,), (0, 1)])
def test_missing_parts_are_zero(ensemble, arrived):
    for image in torch.from_numpy(IMAGES):
        with torch.inference_mode():
            features = ensemble.features(image[None])
            expected = int(ensemble.logits(features, arrived).argmax())
        parts = [features[0, list(part)].numpy() if k in arrived else None for k, part in enumerate(PARTS)]
        assert classify(ensemble, parts) == expected


def test_students_of_other_parts_are_refused(ensemble):
    instance, plan = fleet([[0.1], [0.1]])
    ensemble.require_parts_of(plan)
    _, other = fleet([[0.1], [0.1], [0.1]])
    with pytest.raises(InputError, match="other parts"):
        ensemble.require_parts_of(other)
    nameless = plan.model_copy(
        update={"groups": tuple(group.model_copy(update={"filters": None}) for group in plan.groups)}
    )
    with pytest.raises(InputError, match="other parts"):
        execute(instance, nameless, ensemble, IMAGES)
    with pytest.raises(InputError, match="images, where there are students"):
        execute(instance, plan, ensemble, 3)


@pytest.mark.slow
def test_processes_answer_what_the_ensemble_answers(ensemble):
    instance, plan = fleet([[0.3], [0.3]])
    devices = list(instance.model_dump(mode="json")["devices"])
    devices[1]["failure_probability"] = 0.5
    instance = type(instance).model_validate({**instance.model_dump(mode="json"), "devices": devices})
    found = execute(instance, plan, ensemble, IMAGES, 1, deadline=2.0)
    arrived = np.isfinite(found.first_answers)
    assert np.array_equal(arrived, ~found.schedule.crashed)
    assert 0 < arrived[:, 1].sum() < len(IMAGES)
    with torch.inference_mode():
        expected = [
            int(ensemble(image[None], set(np.flatnonzero(there))).argmax())
            for image, there in zip(torch.from_numpy(IMAGES), arrived, strict=True)
        ]
    assert found.predictions.tolist() == expected
    assert len(set(expected)) > 1
