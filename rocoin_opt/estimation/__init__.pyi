from .estimates import DeviceEstimates, estimate_devices
from .law_fits import LAWS, TimeEstimate
from .replay import traces_of
from .request_log import RequestLog, write_request_log

__all__ = [
    "LAWS",
    "DeviceEstimates",
    "RequestLog",
    "TimeEstimate",
    "estimate_devices",
    "traces_of",
    "write_request_log",
]
