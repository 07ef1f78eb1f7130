from .activations import batched
from .counting.teacher import with_knowledge
from .demo import FAST, FULL, demo_document, run_demo
from .distillation import Distillation, Lesson
from .ensemble import FILLS, Ensemble, Fill
from .execution.comparison import compare_with_distribution, comparison_document
from .execution.messages import ValueArray
from .execution.plot import plot_execution, require_picture
from .execution.run import execute, require_requests
from .export.deployment import Deployment, deploy
from .export.folder import manifest_of, require_export_folder, write_export, write_images
from .export.manifest import Manifest, manifest_schema
from .images.datasets import Dataset, load_dataset
from .images.labelled_images import labelled_images
from .instances import Origin, ProfiledInstance, profile_instance
from .networks import FilterNetwork
from .planned_students import distil_plan, other_costs
from .specifications import load_teacher, own_networks, student_builder, teacher_builder
from .training import Step, Training, train_classifier, use_threads

__all__ = [
    "FAST",
    "FILLS",
    "FULL",
    "Dataset",
    "Deployment",
    "Distillation",
    "Ensemble",
    "Fill",
    "FilterNetwork",
    "Lesson",
    "Manifest",
    "Origin",
    "ProfiledInstance",
    "Step",
    "Training",
    "ValueArray",
    "batched",
    "compare_with_distribution",
    "comparison_document",
    "demo_document",
    "deploy",
    "distil_plan",
    "execute",
    "labelled_images",
    "load_dataset",
    "load_teacher",
    "manifest_of",
    "manifest_schema",
    "other_costs",
    "own_networks",
    "plot_execution",
    "profile_instance",
    "require_export_folder",
    "require_picture",
    "require_requests",
    "run_demo",
    "student_builder",
    "teacher_builder",
    "train_classifier",
    "use_threads",
    "with_knowledge",
    "write_export",
    "write_images",
]
