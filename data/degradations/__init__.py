"""Six kinds of harm and lost resolution, done to batches of images, each with a record of what was done.

A degradation is a function in a file of its own and a row in `table.py`; `chain.py` puts several on one.
All are batched tensor operations on any device, draw only from the generator they are given and change no
argument. Severity 1..5 means about the same visible harm in each: the kinds of blur are matched by a measure,
the others were set by eye beside them and to the published pairs that their docstrings name.
"""

from data.degradations.chain import degrade, degrade_with, draw_severities
from data.degradations.table import DEGRADATIONS, TYPES, Row

__all__ = ["DEGRADATIONS", "TYPES", "Row", "degrade", "degrade_with", "draw_severities"]
