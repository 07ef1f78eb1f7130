"""What a training is made of: places and generators as they were, draws, captured steps, arithmetic."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from image_files import stripes
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.distillation import Distillation, Lesson, distil
from rocoin_opt.profiling.ensemble import Recipe
from rocoin_opt.profiling.learning import steps as steps_module
from rocoin_opt.profiling.learning.draws import Chance, draws_of
from rocoin_opt.profiling.learning.placement import computing, drawing, placed
from rocoin_opt.profiling.learning.steps import CapturedSteps, EagerSteps, steps_of
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.training import Training, accuracy, seeded, train_classifier

DATA = stripes()
QUICK = Training(epochs=2, batch_size=16, learning_rate=0.05, shift=1, flip=True, device="cpu")


class StoppedError(Exception):
    """Stands for an interruption in the middle of a training."""


def network(filters=16):
    return wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2, num_filters=filters)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def stop(_step):
    raise StoppedError


def test_a_module_is_where_and_as_it_was_whatever_happens(monkeypatch):
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    module[1].eval()
    moved = []
    monkeypatch.setattr(module, "to", lambda device: moved.append(device) or module)
    seen = []

    def work():
        with placed(module, torch.device("meta")) as shown:
            seen.append((shown is module, module.training))
            raise StoppedError

    with pytest.raises(StoppedError):
        work()
    assert seen == [(True, False)]
    assert moved == [torch.device("meta"), torch.device("cpu")]
    assert (module.training, module[0].training, module[1].training) == (True, True, False)


def test_an_interrupted_distillation_leaves_the_teacher_where_and_as_it_was(monkeypatch):
    teacher = network()
    lesson = Lesson.of(teacher, DATA)
    teacher.train()
    moved = []
    monkeypatch.setattr(teacher, "to", lambda *args, **options: moved.append(args) or teacher)
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8)] * 2
    with pytest.raises(StoppedError):
        distil(lesson, recipes, [range(8), range(8, 16)], DATA, Distillation(QUICK), report=stop)
    assert teacher.training
    assert moved == [(torch.device("cpu"),), (torch.device("cpu"),)]


def test_an_interrupted_training_leaves_its_module_on_the_cpu_in_evaluation_mode():
    module = network()
    with pytest.raises(StoppedError):
        train_classifier(lambda: module, DATA, QUICK, report=stop)
    assert not module.training


def test_seeding_touches_no_generator_of_a_device_that_is_not_in_use(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    monkeypatch.setattr(torch.cuda, "manual_seed", refuse)
    before = torch.random.get_rng_state()
    seeded(3, lambda: nn.Linear(2, 2))
    with pytest.raises(StoppedError), drawing(1):
        raise StoppedError
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_digest_of_a_lesson_is_of_the_teacher_and_not_of_the_roundings_of_a_device():
    lesson = Lesson.of(network(), DATA)
    assert replace(lesson, features=lesson.features * (1 + 1e-6)).digest() == lesson.digest()
    other = Lesson.of(network(), DATA)
    assert other.digest() != lesson.digest()


def test_nearly_constant_features_cost_nothing_and_do_not_make_a_distillation_diverge():
    teacher = network()
    lesson = Lesson.of(teacher, DATA)
    flat = 0.1 + 1e-4 * torch.randn(lesson.features.shape, generator=torch.Generator().manual_seed(0))
    flat[:, 0] = 1e-3 * flat[:, 0]
    near = replace(lesson, features=flat)
    assert torch.isinf(near.deviations).all()
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8)] * 2
    told = []
    plain = Distillation(replace(QUICK, shift=0, flip=False, learning_rate=0.1))
    distil(near, recipes, [range(8), range(8, 16)], DATA, plain, report=told.append)
    assert max(step.loss for step in told) < 10.0
    # Rare, but not constant.
    assert torch.isfinite(lesson.deviations[lesson.features.std(0) > 0.1 * lesson.features.std(0).max()]).all()


def test_draws_of_an_epoch_come_as_those_of_steps_one_after_another():
    found = draws_of(10, 3, 3, Chance(2, True, 2), torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    order = torch.randperm(10, generator=generator)
    for step in range(3):
        assert torch.equal(found.rows[step], order[3 * step : 3 * step + 3])
        assert torch.equal(found.moves[step], torch.randint(0, 5, (2, 3), generator=generator))
        assert torch.equal(found.mirrored[step], torch.rand(3, generator=generator) < 0.5)
        assert torch.equal(found.uniform[step], torch.rand(3, 2, generator=generator))
    bare = draws_of(10, 3, 3, Chance(), torch.Generator())
    assert (bare.moves, bare.mirrored, bare.uniform) == (None, None, None)


def replaying(step, module):
    """Stands for a capture on a CPU: runs the step first, as a warm-up does, and replays by running it."""
    step()
    step()
    module.zero_grad(set_to_none=True)
    return step


@pytest.mark.slow
def test_captured_steps_are_the_eager_ones(monkeypatch):
    eager = train_classifier(network, DATA, QUICK)

    def captured(descend, module, device, drawn, _choice):
        return CapturedSteps(descend, module, device, drawn, replaying)

    monkeypatch.setattr("rocoin_opt.profiling.training.steps_of", captured)
    assert same(eager, train_classifier(network, DATA, QUICK))
    lesson = Lesson.of(eager, DATA)
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8)] * 2
    given = (lesson, recipes, [range(8), range(8, 16)], DATA, Distillation(QUICK, part_dropout=0.4))
    one = distil(*given)
    monkeypatch.undo()
    assert same(one, distil(*given))


def test_what_cannot_be_captured_is_done_step_by_step_or_refused(monkeypatch):
    device, drawn = torch.device("cuda"), draws_of(4, 1, 4, Chance(), torch.Generator())

    def fails(*_):
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(steps_module, "CapturedSteps", fails)
    monkeypatch.setattr(steps_module, "EagerSteps", lambda *_: "eager")
    with pytest.warns(UserWarning, match="kernel by kernel: operation not permitted$"):
        assert steps_of(fails, nn.Linear(1, 1), device, drawn, "auto") == "eager"
    with pytest.raises(InputError, match="'graph': operation not permitted; allowed"):
        steps_of(fails, nn.Linear(1, 1), device, drawn, "graph")
    monkeypatch.undo()
    with pytest.raises(InputError, match="'graph' on a CPU"):
        train_classifier(network, DATA, replace(QUICK, step="graph"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(steps_of(fails, nn.Linear(1, 1), torch.device("cpu"), drawn, "auto"), EagerSteps)


@pytest.mark.slow
def test_arithmetic_of_16_bits_is_felt_and_that_of_19_is_not_on_a_cpu():
    one = replace(QUICK, epochs=1)
    usual = train_classifier(network, DATA, one)
    assert same(usual, train_classifier(network, DATA, replace(one, arithmetic="tf32", deterministic=True)))
    coarse = train_classifier(network, DATA, replace(one, arithmetic="bf16"))
    assert not same(usual, coarse)
    assert all(torch.isfinite(values).all() for values in coarse.state_dict().values())
    lesson = Lesson.of(usual, DATA)
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8), Recipe(network="resnet8")]
    recipes[1] = recipes[1].model_copy(update={"in_channels": 1})
    taught = Distillation(replace(one, arithmetic="bf16"))
    distil(lesson, recipes, [range(8), range(8, 16)], DATA, taught)
    for wrong in ({"arithmetic": "fp8"}, {"step": "lazy"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            replace(QUICK, **wrong)


def test_a_training_of_another_arithmetic_is_not_resumed(tmp_path):
    one, checkpoint = replace(QUICK, epochs=1), tmp_path / "t.pt"
    train_classifier(network, DATA, one, checkpoint=checkpoint)
    train_classifier(network, DATA, replace(one, step="eager"), checkpoint=checkpoint, report=stop)
    for change in ({"arithmetic": "bf16"}, {"deterministic": True}):
        with pytest.raises(InputError, match="another training"):
            train_classifier(network, DATA, replace(one, **change), checkpoint=checkpoint)


def test_settings_of_cuda_are_put_back(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = (matmul.fp32_precision, conv.fp32_precision)
    for arithmetic, wanted in (("float32", "ieee"), ("tf32", "tf32"), ("bf16", "tf32")):
        with computing(torch.device("cuda"), arithmetic, deterministic=True):
            assert (matmul.fp32_precision, conv.fp32_precision) == (wanted, wanted)
            assert torch.are_deterministic_algorithms_enabled()
        assert (matmul.fp32_precision, conv.fp32_precision) == before
        assert not torch.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    with pytest.raises(InputError, match="CUBLAS_WORKSPACE_CONFIG"), computing(torch.device("cuda"), "tf32", True):
        pass


def test_accuracy_runs_where_it_is_told_and_leaves_the_network_as_it_was():
    module = network().train()
    found = accuracy(module, DATA.test, torch.device("cpu"))
    assert module.training
    assert accuracy(module.eval(), DATA.test) == found


def test_cuda_gives_the_same_bytes_each_time_and_resumed(tmp_path, record_without_cuda):
    if record_without_cuda("deterministic trainings on CUDA"):
        return
    training = replace(QUICK, device="cuda", deterministic=True)
    for step in ("eager", "graph"):
        chosen = replace(training, step=step)
        one, other = (train_classifier(network, DATA, chosen) for _ in range(2))
        assert same(one, other)
        checkpoint = tmp_path / f"{step}.pt"
        with pytest.raises(StoppedError):
            train_classifier(network, DATA, chosen, checkpoint=checkpoint, report=_after(8))
        assert same(one, train_classifier(network, DATA, chosen, checkpoint=checkpoint))
        assert next(one.parameters()).device.type == "cpu"
    lesson = Lesson.of(one, DATA, torch.device("cuda"))
    assert lesson.digest() == Lesson.of(one, DATA).digest()
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8)] * 2
    given = (lesson, recipes, [range(8), range(8, 16)], DATA, Distillation(replace(training, step="graph")))
    state = torch.cuda.get_rng_state()
    assert same(distil(*given), distil(*given))
    assert torch.equal(torch.cuda.get_rng_state(), state)


def _after(count):
    def told(step):
        if step.done == count:
            raise StoppedError

    return told
