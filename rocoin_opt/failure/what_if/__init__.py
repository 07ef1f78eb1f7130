"""What would change a plan's figures: derivatives, and replicas added or lost."""
