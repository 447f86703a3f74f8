"""Several photos compared with each other: wins of all pairs, and the strengths that explain them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uare.bradley_terry import Strengths, fit
from uare.experts.comparison import Encoding, pair_probabilities

# Added to both sides of each pair, so that a photo that always wins has a finite strength too.
PRIOR_WINS = 0.1

Floats = NDArray[np.float64]


def all_wins(encodings: Sequence[Encoding]) -> Floats:
    """P(row better) + P(equal) / 2 (n, n) of all pairs, 0 on the diagonal."""
    wins = np.zeros((len(encodings), len(encodings)))
    for row, one in enumerate(encodings):  # at a time: all of thousands would not fit into memory
        probabilities = pair_probabilities([one], list(encodings))[0]  # (n, 3)
        wins[row] = (probabilities[:, 0] + probabilities[:, 2] / 2).numpy()
    np.fill_diagonal(wins, 0.0)
    return wins


def strengths_of(wins: Floats) -> Strengths | None:
    """Bradley-Terry strengths of `wins` (n, n); None where they do not tie all photos together."""
    return fit(wins, PRIOR_WINS)
