"""Proofs for guaranteed, nominal and worst under constant latencies: search over thresholds, integer packings."""
