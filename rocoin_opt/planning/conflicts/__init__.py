"""Why there is no plan: what can be taken away, whether there is a plan then, and the least that has to give way."""
