from .columns import LpSolution, RestrictedMaster
from .linear import LinearModel, Option, solve_linear

__all__ = ["LinearModel", "LpSolution", "Option", "RestrictedMaster", "solve_linear"]
