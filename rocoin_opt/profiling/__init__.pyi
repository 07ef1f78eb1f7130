from .activations import batched
from .datasets import load_dataset
from .demo import FAST, FULL, demo_document, run_demo
from .ensemble import FILLS, Ensemble, Fill
from .execution.comparison import compare_with_distribution, comparison_document
from .execution.messages import ValueArray
from .execution.plot import plot_execution, require_picture
from .execution.run import execute, require_requests
from .export.deployment import Deployment, deploy
from .export.folder import manifest_of, require_export_folder, write_export, write_images
from .export.manifest import Manifest, manifest_schema
from .instances import Origin, ProfiledInstance, profile_instance
from .networks import FilterNetwork
from .specifications import load_teacher, own_networks, student_builder
from .training import Step, use_threads

__all__ = [
    "FAST",
    "FILLS",
    "FULL",
    "Deployment",
    "Ensemble",
    "Fill",
    "FilterNetwork",
    "Manifest",
    "Origin",
    "ProfiledInstance",
    "Step",
    "ValueArray",
    "batched",
    "compare_with_distribution",
    "comparison_document",
    "demo_document",
    "deploy",
    "execute",
    "load_dataset",
    "load_teacher",
    "manifest_of",
    "manifest_schema",
    "own_networks",
    "plot_execution",
    "profile_instance",
    "require_export_folder",
    "require_picture",
    "require_requests",
    "run_demo",
    "student_builder",
    "use_threads",
    "write_export",
    "write_images",
]
