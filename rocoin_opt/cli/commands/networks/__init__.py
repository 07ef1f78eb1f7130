"""Commands about networks: to profile and train them, and to run them by a plan."""
