"""Covers: whether sets of devices keep the outage limit, and which do so at the least price."""
