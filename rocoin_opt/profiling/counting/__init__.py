"""What a forward pass takes: operators by kind, and one observed pass."""
