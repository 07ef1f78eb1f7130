from .activations import batched
from .demo import FAST, FULL, demo_document, run_demo
from .ensemble import Ensemble
from .execution.comparison import compare_with_distribution, comparison_document
from .execution.messages import ValueArray
from .execution.plot import plot_execution, require_picture
from .execution.run import execute, require_requests
from .images.datasets import load_dataset
from .instances import Origin, ProfiledInstance, profile_instance
from .networks import FilterNetwork
from .specifications import load_teacher, own_networks, student_builder
from .training import Step, use_threads

__all__ = [
    "FAST",
    "FULL",
    "Ensemble",
    "FilterNetwork",
    "Origin",
    "ProfiledInstance",
    "Step",
    "ValueArray",
    "batched",
    "compare_with_distribution",
    "comparison_document",
    "demo_document",
    "execute",
    "load_dataset",
    "load_teacher",
    "own_networks",
    "plot_execution",
    "profile_instance",
    "require_picture",
    "require_requests",
    "run_demo",
    "student_builder",
    "use_threads",
]
