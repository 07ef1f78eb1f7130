from .replica_value import ReplicaValue, first_of_kinds, replica_values
from .sensitivity import Sensitivity, Slope, sensitivities

__all__ = ["ReplicaValue", "Sensitivity", "Slope", "first_of_kinds", "replica_values", "sensitivities"]
