from .assessment import Assessment, assessment_document, print_assessment
from .comparison import print_comparison
from .frontier import END_WORDS, frontier_document, print_frontier
from .most_groups import groups_document, print_groups
from .performance_profile import CLOCK, GOOD, PerformanceProfile, performance_profiles
from .pipeline import Sheet, pipeline_csv, pipeline_markdown, print_pipeline
from .replan import print_replan, replan_document
from .run_comparison import conflict_lines, definitions, print_run_comparison, run_comparison_document
from .run_items import RunItems
from .run_statistics import SHIFT, MethodFigures, method_figures

__all__ = [
    "CLOCK",
    "END_WORDS",
    "GOOD",
    "SHIFT",
    "Assessment",
    "MethodFigures",
    "PerformanceProfile",
    "RunItems",
    "Sheet",
    "assessment_document",
    "conflict_lines",
    "definitions",
    "frontier_document",
    "groups_document",
    "method_figures",
    "performance_profiles",
    "pipeline_csv",
    "pipeline_markdown",
    "print_assessment",
    "print_comparison",
    "print_frontier",
    "print_groups",
    "print_pipeline",
    "print_replan",
    "print_run_comparison",
    "replan_document",
    "run_comparison_document",
]
