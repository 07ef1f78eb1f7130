from .estimates import Interval
from .simulation import Simulation, simulate
from .traces import Traces
from .trials import Advance

__all__ = ["Advance", "Interval", "Simulation", "Traces", "simulate"]
