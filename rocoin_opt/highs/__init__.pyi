from .columns import LpSolution, RestrictedMaster
from .linear import LinearModel, Option, solve_linear
from .models import solve_model
from .waiting import WaitingColumns

__all__ = ["LinearModel", "LpSolution", "Option", "RestrictedMaster", "WaitingColumns", "solve_linear", "solve_model"]
