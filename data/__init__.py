"""Samples, degradations and texts: what training and evaluation are fed with."""
