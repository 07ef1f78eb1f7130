from .columns import LpSolution, RestrictedMaster
from .linear import LinearModel, MilpSolution, Option, solve_linear
from .models import solve_model
from .waiting import WaitingColumns

__all__ = [
    "LinearModel",
    "LpSolution",
    "MilpSolution",
    "Option",
    "RestrictedMaster",
    "WaitingColumns",
    "solve_linear",
    "solve_model",
]
