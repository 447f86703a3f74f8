"""Metrics, suites, statistics and their reports."""
