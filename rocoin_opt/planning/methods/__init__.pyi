from .answers import searched_answer
from .channels import settled_on_channels
from .outcomes import can_be_valued, no_worse
from .portfolio import AUTO_EFFORT, AUTO_NODES
from .restricted import mended, searched, settled_under_rules
from .table import METHODS, Method

__all__ = [
    "AUTO_EFFORT",
    "AUTO_NODES",
    "METHODS",
    "Method",
    "can_be_valued",
    "mended",
    "no_worse",
    "searched",
    "searched_answer",
    "settled_on_channels",
    "settled_under_rules",
]
