from .activations import batched
from .datasets import load_dataset
from .demo import FAST, FULL, demo_document, run_demo
from .ensemble import Ensemble
from .instances import Origin, ProfiledInstance, profile_instance
from .networks import FilterNetwork
from .specifications import load_teacher, student_builder
from .training import Step, use_threads

__all__ = [
    "FAST",
    "FULL",
    "Ensemble",
    "FilterNetwork",
    "Origin",
    "ProfiledInstance",
    "Step",
    "batched",
    "demo_document",
    "load_dataset",
    "load_teacher",
    "profile_instance",
    "run_demo",
    "student_builder",
    "use_threads",
]
