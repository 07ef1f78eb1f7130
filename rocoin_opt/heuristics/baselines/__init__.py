"""The baselines that a comparison needs: what the literature does, and chance."""
