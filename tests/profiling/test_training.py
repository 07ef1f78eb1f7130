"""The training loop: it learns, it is deterministic, and a resumed run is the uninterrupted one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from image_files import stripes
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.checkpoints import read_state, write_state
from rocoin_opt.profiling.images.datasets import Split
from rocoin_opt.profiling.learning.draws import Chance, augmented, draws_of
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.training import (
    Training,
    accuracy,
    fit,
    seeded,
    train_classifier,
    use_threads,
)

QUICK = Training(epochs=3, batch_size=16, learning_rate=0.05, shift=1, flip=True, device="cpu")


def network() -> nn.Module:
    return wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2)


def weights(module: nn.Module) -> list[torch.Tensor]:
    return list(module.state_dict().values())


def assert_same(one: nn.Module, other: nn.Module) -> None:
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


class ProcessEndedError(Exception):
    """Stands for a process that ends in the middle of a training."""


def test_it_learns_and_the_same_seed_gives_the_same_weights():
    data = stripes()
    one = train_classifier(network, data, Training(epochs=6, batch_size=16, learning_rate=0.05, device="cpu"))
    assert accuracy(one, data.test) >= 0.9
    assert not one.training
    first, second = (train_classifier(network, data, QUICK) for _ in range(2))
    assert_same(first, second)
    other = train_classifier(network, data, Training(**{**vars(QUICK), "seed": 1}))
    assert not torch.equal(weights(first)[0], weights(other)[0])


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    data, checkpoint = stripes(), tmp_path / "folder" / "teacher.pt"
    whole = train_classifier(network, data, QUICK)
    told = []

    def stop(step):
        told.append(step)
        if step.done == 9:
            raise ProcessEndedError

    with pytest.raises(ProcessEndedError):
        train_classifier(network, data, QUICK, checkpoint=checkpoint, report=stop)
    assert read_state(checkpoint)["epochs"] == 1
    assert [(step.done, step.total) for step in told] == [(n, 18) for n in range(1, 10)]
    assert {step.name for step in told} == {"teacher"}

    resumed = []
    again = train_classifier(network, data, QUICK, checkpoint=checkpoint, report=resumed.append)
    assert resumed[0].done == 7
    assert_same(whole, again)
    # What is finished is only read.
    finished = []
    assert_same(whole, train_classifier(network, data, QUICK, checkpoint=checkpoint, report=finished.append))
    assert finished == []


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 4}, {"learning_rate": 0.01}, {"shift": 0}])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change):
    data, checkpoint = stripes(), tmp_path / "t.pt"
    one_epoch = Training(**{**vars(QUICK), "epochs": 1})
    train_classifier(network, data, one_epoch, checkpoint=checkpoint)
    with pytest.raises(InputError, match="a checkpoint of another training"):
        train_classifier(network, data, Training(**{**vars(one_epoch), **change}), checkpoint=checkpoint)


def test_a_checkpoint_on_other_images_is_refused(tmp_path):
    one_epoch, checkpoint = Training(**{**vars(QUICK), "epochs": 1}), tmp_path / "t.pt"
    train_classifier(network, stripes(), one_epoch, checkpoint=checkpoint)
    with pytest.raises(InputError, match="a checkpoint of another training"):
        train_classifier(network, stripes(seed=1), one_epoch, checkpoint=checkpoint)


def test_a_checkpoint_of_another_stride_or_split_is_refused(tmp_path):
    # The weights have the same shapes, and the images were read from the same files.
    one_epoch, checkpoint = Training(**{**vars(QUICK), "epochs": 1}), tmp_path / "t.pt"
    data = stripes()
    train_classifier(lambda: wide_resnet(10, 1, num_classes=3, in_channels=1), data, one_epoch, checkpoint=checkpoint)
    fewer = replace(data, train=Split(data.train.images[1:], data.train.labels[1:]))
    for stride, images in ((2, data), (1, fewer)):
        with pytest.raises(InputError, match="a checkpoint of another training"):
            train_classifier(
                lambda stride=stride: wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=stride),
                images,
                one_epoch,
                checkpoint=checkpoint,
            )


def test_damaged_files_of_weights_are_refused(tmp_path):
    path = tmp_path / "t.pt"
    for content in (b"", b"no weights", b"PK\x03\x04broken"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a file of weights"):
            read_state(path)
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="found a list"):
        read_state(path)
    # Anything that would run code while it is read.
    torch.save({"module": nn.Linear(1, 1)}, path)
    with pytest.raises(InputError, match="a file of weights"):
        read_state(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a writable file"):
        write_state(tmp_path / "file" / "t.pt", {})


def test_the_learning_rate_rises_and_falls():
    training = Training(learning_rate=0.4, warm_up=0.25)
    assert training.rate(0.0) == 0.0
    assert training.rate(0.125) == pytest.approx(0.2)
    assert training.rate(0.25) == pytest.approx(0.4)
    assert training.rate(0.625) == pytest.approx(0.2)
    assert training.rate(1.0) == pytest.approx(0.0, abs=1e-12)
    assert Training(warm_up=1.0, learning_rate=0.4).rate(1.0) == pytest.approx(0.0, abs=1e-12)
    assert Training(warm_up=0.0, learning_rate=0.4).rate(0.0) == pytest.approx(0.4)


def test_augmentation_moves_and_mirrors_whole_images():
    image = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    images = image.repeat(200, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)

    def shown(shift, flip):
        drawn = draws_of(200, 1, 200, Chance(shift, flip), generator).each(lambda values: values[0])
        return augmented(images, shift, drawn)

    assert torch.equal(shown(0, False), images)

    padded = nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    moves = [padded[:, :, i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    moved = shown(1, False)
    seen = {next(n for n, move in enumerate(moves) if torch.equal(one[None], move)) for one in moved}
    assert seen == set(range(9))

    mirrored = shown(0, True)
    flipped = sum(torch.equal(one[None], image.flip(3)) for one in mirrored)
    assert all(torch.equal(one[None], image) or torch.equal(one[None], image.flip(3)) for one in mirrored)
    assert 60 < flipped < 140


def test_seeding_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    one, other = (seeded(3, lambda: nn.Linear(4, 4)) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_loss_that_is_no_number_ends_the_training():
    module = nn.Linear(64, 3)
    with pytest.raises(InputError, match="lower the learning rate"):
        fit(module, lambda batch: module(batch.images.flatten(1)).sum() * math.inf, stripes().train, QUICK, name="x")


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"warm_up": 2.0},
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"shift": -1},
        {"seed": -1},
        {"device": "tpu"},
    ],
)
def test_options_out_of_range_are_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        Training(**change)


def test_cuda_is_taken_where_there_is_any(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Training().torch_device.type == "cpu"
    with pytest.raises(InputError, match="no CUDA device"):
        _ = Training(device="cuda").torch_device
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Training().torch_device.type == "cuda"
    assert Training(device="cpu").torch_device.type == "cpu"


def test_threads_are_set_and_checked():
    before = torch.get_num_threads()
    try:
        use_threads(1)
        assert torch.get_num_threads() == 1
        with pytest.raises(InputError, match="threads"):
            use_threads(0)
    finally:
        torch.set_num_threads(before)
