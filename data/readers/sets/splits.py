"""Which pictures are held out where a set publishes no list of its own.

The rule needs nothing but the number in a file's name, so that training and evaluation agree without a file.
"""

from __future__ import annotations

import re

from uare.errors import InputError

HELD_OUT_EVERY = 5  # a fifth for testing, as in the lists that others use (Q-Align, DeQA-Score)


def split_of(name: str) -> str:
    """`test` where the first number in `name` is divisible by five, else `train`.

    For sets with several versions of a scene that number is the scene's: all its versions go the same way.
    """
    number = re.search(r"\d+", name)
    if number is None:
        raise InputError(f"the picture name {name!r} has no number, which would decide its split; rename it")
    return "train" if int(number[0]) % HELD_OUT_EVERY else "test"
