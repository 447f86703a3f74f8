"""Losses, stages and the loops that train the networks."""
