from .group_rows import needs_late_replicas
from .scenarios import require_few_scenarios
from .terms import require_failure_model, require_groups_model

__all__ = [
    "needs_late_replicas",
    "require_failure_model",
    "require_few_scenarios",
    "require_groups_model",
]
