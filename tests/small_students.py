"""Students of a single matrix, whose ONNX files are written by hand: exports without PyTorch's slow exporter."""

from __future__ import annotations

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import rocoin_opt as ro
from rocoin_opt.documents import readable_json
from rocoin_opt.plan import plan_document
from rocoin_opt.profiling.ensemble import Ensemble, Recipe
from rocoin_opt.profiling.images.datasets import Dataset, Split
from rocoin_opt.profiling.images.scaling import Scaling

PIXELS, CLASSES = 16, 4
NAME = "small_students:build"
PARTS = ((0, 3, 5), (2,), (1, 4))
SCALING = Scaling(means=(100.0,), deviations=(50.0,))
DEVICES = (("a", "b/../c"), ("d, e",), ("f\tg",))


def build(size):
    """One matrix behind the pixels, rectified."""
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, size), nn.ReLU())


def by_hand(student, shape, name, opset=None):
    """What the conversion makes of :func:`build`."""
    linear = student.network[1]
    sizes = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *shape])]
    found = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, linear.out_features])]
    nodes = [
        helper.make_node("Flatten", ["image"], ["pixels"]),
        helper.make_node("Gemm", ["pixels", "weight", "bias"], ["sums"], transB=1),
        helper.make_node("Relu", ["sums"], ["features"]),
    ]
    values = [numpy_helper.from_array(linear.state_dict()[key].numpy(), key) for key in ("weight", "bias")]
    graph = helper.make_graph(nodes, "student", sizes, found, values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset or 18)], ir_version=10)


def images(count, seed=0):
    """Random images of one channel, and their labels by a rule that the students know nothing of."""
    pixels = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return pixels, (pixels.sum(dim=(1, 2, 3)) > 0).long() + 2 * (pixels[:, 0, 0, 0] > 0).long()


def dataset(scaling=SCALING, classes=()):
    """Random images, as if they were scaled pixels."""
    parts = [Split(*images(count, seed)) for seed, count in enumerate((20, 10, 30))]
    return Dataset("noise", "drawn", *parts, num_classes=CLASSES, sha256="0" * 64, scaling=scaling, classes=classes)


def ensemble(parts=PARTS):
    """Students with seeded weights, and means that are not zero."""
    recipes = [Recipe(network=NAME, in_channels=1, num_filters=len(part)) for part in parts]
    made = Ensemble(recipes, parts, CLASSES, own={NAME: lambda num_filters, **_: build(num_filters)})
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for values in made.state_dict().values():
            values.copy_(torch.randn(values.shape, generator=generator))
    return made.eval()


def instance_and_plan(parts=PARTS, devices=DEVICES):
    """A plan with these parts, one group each."""
    instance = ro.Instance(
        name="small",
        devices=[
            ro.Device(
                id=name, flops_per_second=1e6, memory_bytes=1e6, uplink_bits_per_second=1e6, failure_probability=0.1
            )
            for group in devices
            for name in group
        ],
        students=[ro.Student(id=NAME, flops=1e5, memory_bytes=1e5, max_filters=6)],
        knowledge=ro.Knowledge(num_filters=sum(map(len, parts)), bits_per_filter=32),
        requirements=ro.Requirements(max_group_outage=0.5, deadline_seconds=0.25),
    )
    groups = [
        ro.Group(devices=names, student=NAME, num_filters=len(part), filters=part)
        for names, part in zip(devices, parts, strict=True)
    ]
    return instance, ro.Plan(groups=tuple(groups), spares=())


def write_all(folder):
    """Write instance, plan, students and images into a folder."""
    instance, plan = instance_and_plan()
    ro.write_instance(folder / "i.json", instance)
    (folder / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    ensemble().save(folder / "students")
    pixels, labels = images(40)
    np.savez(folder / "images.npz", images=pixels.numpy(), labels=labels.numpy())
