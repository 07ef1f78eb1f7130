"""Groups at a threshold under random latencies: shares that depend on student, part size and threshold."""
