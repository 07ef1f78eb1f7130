"""Proofs for the whole answer: disjoint sets of devices, all of which are listed, packed by reduced cost."""
