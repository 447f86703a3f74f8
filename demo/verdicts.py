"""Verdicts and rankings as HTML; strangers' words are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from demo.words import bars, notes, written
from uare.batch.loop import Json
from uare.results import Comparison

HEADS = {"A": "A is better.", "B": "B is better.", "equal": "Both are about equally good."}
DOUBTFUL = 0.6  # share below which the verdict is no more than a guess
WORDS = ("A is better", "B is better", "about equal")


def verdict_card(comparison: Comparison, warnings: Sequence[str]) -> str:
    """The verdict, its probabilities as bars, the reasons, and what speaks against trusting it."""
    is_close = comparison.verdict == "equal" or max(comparison.probabilities) < DOUBTFUL
    doubt = " This is little more than a guess." if max(comparison.probabilities) < DOUBTFUL else ""
    shares = [
        (name, share, f"{share:.0%}") for name, share in zip(WORDS, comparison.probabilities, strict=True)
    ]
    return (
        f'<div class="uare-verdict uare-{"unsure" if is_close else "good"}" role="status">'
        f"<strong>{HEADS[comparison.verdict]}</strong>{doubt}</div>{notes(tuple(warnings))}"
        f"{bars('How probable each verdict is', shares, 1)}{written(comparison.text)}"
    )


def ranking_table(places: Sequence[Json]) -> str:
    """Places with strengths and intervals, drawn on one scale."""
    ends = [end for place in places for end in place["interval"]]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    rows = "".join(_ranking_row(place, low, (high - low) or 1.0) for place in places)
    return (
        '<div class="uare-table"><table><caption>Best first. Points: the mean chance of being the better of '
        "two. Strength: log-odds against the average photo, with its 95 % interval; photos whose intervals "
        "overlap much may well swap places.</caption>"
        "<thead><tr><th>Place</th><th>Photo</th><th>Points</th><th>Strength</th><th>95 %</th>"
        '<th><span class="uare-hidden">Interval drawn</span></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _ranking_row(place: Json, low: float, width: float) -> str:
    start, end = place["interval"]
    left, span = 100 * (start - low) / width, 100 * (end - start) / width
    dot = 100 * (place["strength"] - low) / width
    drawn = (
        f'<div class="uare-interval" aria-hidden="true"><i style="left:{left:.1f}%;width:{span:.1f}%"></i>'
        f'<b style="left:{dot:.1f}%"></b></div>'
    )
    return (
        f'<tr><td>{place["rank"]}</td><th scope="row">{escape(place["input"])}</th>'
        f"<td>{place['points']:.2f}</td><td>{place['strength']:+.2f}</td>"
        f"<td>{start:+.2f} to {end:+.2f}</td><td>{drawn}</td></tr>"
    )
