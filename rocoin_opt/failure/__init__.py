"""How a plan holds up under failure: laws of random latencies, the exact distribution, Monte Carlo, rare events."""
