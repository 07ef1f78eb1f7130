"""Proofs for few devices that share failures or keep rules."""
