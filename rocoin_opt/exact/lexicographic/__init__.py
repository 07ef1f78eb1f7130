"""The order behind latency: partition, work, spare reliability."""
