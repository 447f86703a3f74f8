"""Going on where a few pictures among thousands are broken, and stopping where it is more than a few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from uare.errors import InputError

NUM_LISTED = 50  # messages kept; the count goes on

Read = TypeVar("Read")


@dataclass(kw_only=True)
class Faults:
    """What could not be read in this process so far."""

    share_limit: float = 0.01
    num_before_limit: int = 100  # readings before the share says anything
    num_read: int = 0  # tries, failed ones too
    num_failed: int = 0
    messages: dict[str, None] = field(default_factory=dict)  # each once, in the order of their coming

    def failed(self, error: InputError) -> None:
        """Counts a failure; InputError once their share is above the limit."""
        self.num_failed += 1
        if len(self.messages) < NUM_LISTED:
            self.messages[str(error)] = None
        if self.num_read >= self.num_before_limit and self.num_failed > self.share_limit * self.num_read:
            raise InputError(
                f"{self.num_failed} of {self.num_read} sources could not be read, expected at most "
                f"{self.share_limit:.0%}; repair the set, the first failure was: {next(iter(self.messages))}"
            ) from error


def tolerant(load: Callable[[int], Read], count: int, index: int, seed: int, faults: Faults) -> Read:
    """`load(index)`, or where that raises InputError `load` of the first readable index drawn instead.

    count: indices go from 0 to count - 1. The replacements depend on `seed` and `index` alone, so that a
    resumed training gets the same ones.
    """
    generator = np.random.default_rng((seed, index))
    while True:
        faults.num_read += 1
        try:
            return load(index)
        except InputError as error:
            faults.failed(error)
        index = int(generator.integers(count))
