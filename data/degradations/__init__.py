"""Six kinds of harm and lost resolution, done to batches of images, each with a record of what was done.

A degradation is a function in a file of its own and a row in `table.py`; `chain.py` puts several on one,
drawn at random, named, or drawn as one of the `combinations.py` of FoundIR. All are batched tensor operations
on any device, draw only from what they are given and change no argument. `second_order.py` and
`compression_chain.py` are the two published chains for pictures of unknown history; `real_codecs.py` holds
codecs for the CPU. Severity 1..5 means about the same visible harm in each type: the kinds of blur are
matched by a measure, the others were set by eye beside them and to the published pairs that their docstrings
name; `data/calibrate.py` measures how far they agree.
"""

from data.degradations.chain import apply_severities, degrade, degrade_with, draw_severities
from data.degradations.combinations import COMBINATIONS, Combination, draw_multi, draw_single
from data.degradations.compression import compress
from data.degradations.compression_chain import degrade_compression_oriented
from data.degradations.sampling import Generators, generator_for
from data.degradations.second_order import degrade_second_order
from data.degradations.table import DEGRADATIONS, TYPES, Row

__all__ = [
    "COMBINATIONS",
    "DEGRADATIONS",
    "TYPES",
    "Combination",
    "Generators",
    "Row",
    "apply_severities",
    "compress",
    "degrade",
    "degrade_compression_oriented",
    "degrade_second_order",
    "degrade_with",
    "draw_multi",
    "draw_severities",
    "draw_single",
    "generator_for",
]
