"""Asking people which of two pictures is better: settings, pairs, schedule, votes on disk, pages."""
