"""Commands that say what a plan or a run is worth."""
