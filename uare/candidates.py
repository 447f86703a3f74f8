"""What `best_of` tries: the restoration asked for, then other ways to do the same, then other seeds.

Only what the caller left open is varied. Seeds come last, because a model that stays close to the photo makes
much the same of all of them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from uare import prompts
from uare.options import RestoreOptions

FIDELITIES = (None, 0.5)  # the model's own, and halfway to its invention
# The model's own analysis; then plain words in its place, for photos that the analysis misjudges.
WORDS: tuple[tuple[str | None, bool], ...] = ((None, True), (prompts.RESTORE, False))


def candidates(options: RestoreOptions) -> tuple[RestoreOptions, ...]:
    """`options.best_of` restorations to choose from, the one asked for first."""
    fidelities = FIDELITIES if options.fidelity is None else (options.fidelity,)
    is_open = options.instruction is None and options.analyse
    words = WORDS if is_open else ((options.instruction, options.analyse),)
    ways = list(product(fidelities, words))
    found = []
    for place in range(options.best_of):
        fidelity, (instruction, analyse) = ways[place % len(ways)]
        seed = options.seed + place // len(ways)
        found.append(replace(options, seed=seed, fidelity=fidelity, instruction=instruction, analyse=analyse))
    return tuple(found)
