from .plan_page import plan_report
from .rendering import require_report
from .run_page import run_report

__all__ = [
    "plan_report",
    "require_report",
    "run_report",
]
