"""Speed and memory of the models, as ratios measured within one run."""
