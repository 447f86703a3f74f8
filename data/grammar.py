"""A template grammar: symbols, each with alternative texts that may contain further symbols.

What is said with it is decided elsewhere: `data.texts` hands in the words that follow from the records.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

Rules = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Rest:
    """What is still to be written: a literal or a symbol, then `after`; None stands for the end."""

    part: str
    is_symbol: bool
    after: "_Rest | None"


@lru_cache(4096)  # bounded: lists of steps and harms come in millions of combinations
def _parts(alternative: str) -> tuple[tuple[str, bool], ...]:
    """The literals and symbols of an alternative: (text, whether it is a symbol)."""
    pieces = re.split(r"\{(\w+)\}", alternative)  # symbols at odd places
    return tuple((piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece)


@dataclass(frozen=True)
class Grammar:
    """Symbol -> its alternatives, in which `{symbol}` stands for any of that symbol's own.

    An alternative that stands k times is drawn k times as often. No symbol may contain itself.
    """

    rules: Rules

    def extended(self, rules: Rules) -> "Grammar":
        """This grammar with more symbols, or other alternatives for some."""
        return Grammar({**self.rules, **rules})

    def expand(self, symbol: str, rng: random.Random) -> str:
        """One text of a symbol. Only where there is a choice is anything drawn."""
        alternatives = self.rules[symbol]
        chosen = alternatives[0] if len(alternatives) == 1 else rng.choice(alternatives)
        return "".join(self.expand(part, rng) if is_symbol else part for part, is_symbol in _parts(chosen))

    def count(self, symbol: str) -> int:
        """How many different texts a symbol has; one that arises in several ways counts once.

        Follows all ways of writing at once, as an automaton is made deterministic: ways that have written
        the same so far go on as one set, so each text is one path.
        """

        @cache
        def texts_after(ways: frozenset[_Rest | None]) -> int:
            by_character: dict[str, list[_Rest]] = {}
            for way in ways:
                if way is not None:
                    by_character.setdefault(way.part[0], []).append(way)
            return (None in ways) + sum(texts_after(self._advanced(same)) for same in by_character.values())

        return texts_after(frozenset(self._opened(_Rest(symbol, True, None))))

    def _opened(self, rest: _Rest | None) -> Iterator[_Rest | None]:
        """All that `rest` may be once the symbols at its front are replaced: literals first, or the end."""
        if rest is None or not rest.is_symbol:
            yield rest
            return
        for alternative in dict.fromkeys(self.rules[rest.part]):
            longer = rest.after
            for part, is_symbol in reversed(_parts(alternative)):
                longer = _Rest(part, is_symbol, longer)
            yield from self._opened(longer)

    def _advanced(self, ways: Sequence[_Rest]) -> "frozenset[_Rest | None]":
        """The ways after the characters that their literals begin with in common."""
        first, last = min(way.part for way in ways), max(way.part for way in ways)
        differ = (index for index, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
        written = next(differ, len(first))  # what the first and last in order share, all between them share
        advanced: set[_Rest | None] = set()
        for way in ways:
            left = way.part[written:]
            advanced.update(self._opened(_Rest(left, False, way.after) if left else way.after))
        return frozenset(advanced)
