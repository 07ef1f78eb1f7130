"""Plans robust cooperative inference on unreliable, heterogeneous devices."""
