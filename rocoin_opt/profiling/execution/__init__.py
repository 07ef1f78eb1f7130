"""A plan at work: its students as processes of this host, as slow, as lossy and as mortal as the instance's devices."""
