from .columns import LpSolution, RestrictedMaster
from .linear import LinearModel, Option, solve_linear
from .models import solve_model

__all__ = ["LinearModel", "LpSolution", "Option", "RestrictedMaster", "solve_linear", "solve_model"]
