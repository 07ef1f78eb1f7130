from .arrivals import simulate_arrivals
from .draws import BLOCK, SEEDS, Chance, Purpose, crashes, factor_words
from .estimates import Interval, MeanEstimate, ProportionEstimate, QuantileEstimate, Sample
from .factors import factor_table
from .simulation import Simulation, simulate
from .traces import Traces, read_traces
from .trials import Advance

__all__ = [
    "BLOCK",
    "SEEDS",
    "Advance",
    "Chance",
    "Interval",
    "MeanEstimate",
    "ProportionEstimate",
    "Purpose",
    "QuantileEstimate",
    "Sample",
    "Simulation",
    "Traces",
    "crashes",
    "factor_table",
    "factor_words",
    "read_traces",
    "simulate",
    "simulate_arrivals",
]
