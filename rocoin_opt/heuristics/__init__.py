"""Good plans without proof: constructive methods, and the baselines that a comparison needs."""
