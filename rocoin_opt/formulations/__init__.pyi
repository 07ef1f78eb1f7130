from .terms import require_groups_model

__all__ = ["require_groups_model"]
