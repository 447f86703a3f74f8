"""Checkpoint folders: ours, and the BAGEL layout."""
