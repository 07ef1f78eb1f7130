from .accuracy import (
    accuracy_under_failure,
    measure_accuracy,
    require_table_name,
    table_rows,
    write_accuracy_table,
)
from .activations import batched
from .counting.teacher import with_knowledge
from .demo import demo_document, run_demo
from .distillation import Distillation, Lesson, distil, distil_plan, other_costs
from .ensemble import FILLS, Ensemble, Fill, Recipe, saved_files
from .execution.comparison import compare_with_distribution, comparison_document
from .execution.messages import ValueArray
from .execution.plot import plot_execution, require_picture
from .execution.run import execute, require_requests
from .experiment.settings import preset
from .export.deployment import Deployment, deploy
from .export.folder import export_files, manifest_of, require_export_folder, write_export, write_images
from .export.manifest import Manifest, manifest_schema
from .images.datasets import Dataset, dataset_from_arrays, load_dataset
from .images.labelled_images import labelled_images
from .images.readers import image_files
from .instances import Origin, ProfiledInstance, profile_instance
from .network_profile import NetworkProfile, profile
from .networks import FilterNetwork
from .specifications import StudentBuilder, load_teacher, own_networks, student_builder, teacher_builder
from .training import Step, Training, train_classifier, use_threads

__all__ = [
    "FILLS",
    "Dataset",
    "Deployment",
    "Distillation",
    "Ensemble",
    "Fill",
    "FilterNetwork",
    "Lesson",
    "Manifest",
    "NetworkProfile",
    "Origin",
    "ProfiledInstance",
    "Recipe",
    "Step",
    "StudentBuilder",
    "Training",
    "ValueArray",
    "accuracy_under_failure",
    "batched",
    "compare_with_distribution",
    "comparison_document",
    "dataset_from_arrays",
    "demo_document",
    "deploy",
    "distil",
    "distil_plan",
    "execute",
    "export_files",
    "image_files",
    "labelled_images",
    "load_dataset",
    "load_teacher",
    "manifest_of",
    "manifest_schema",
    "measure_accuracy",
    "other_costs",
    "own_networks",
    "plot_execution",
    "preset",
    "profile",
    "profile_instance",
    "require_export_folder",
    "require_picture",
    "require_requests",
    "require_table_name",
    "run_demo",
    "saved_files",
    "student_builder",
    "table_rows",
    "teacher_builder",
    "train_classifier",
    "use_threads",
    "with_knowledge",
    "write_accuracy_table",
    "write_export",
    "write_images",
]
