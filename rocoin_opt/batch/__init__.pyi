from .database import DATABASE
from .export import RESULTS, fields_of, require_exportable
from .items import family_folder, find_instances
from .request import BatchRequest, Options
from .results import ItemResult
from .solving import Observe, State, run_batch
from .store import Store

__all__ = [
    "DATABASE",
    "RESULTS",
    "BatchRequest",
    "ItemResult",
    "Observe",
    "Options",
    "State",
    "Store",
    "family_folder",
    "fields_of",
    "find_instances",
    "require_exportable",
    "run_batch",
]
