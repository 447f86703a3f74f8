"""Sentences of the page as HTML: how far the work is, and what came of it. Strangers' words are escaped."""

from __future__ import annotations

from html import escape

from uare.results import Verdict

SURE = 0.5  # probability above which the judge's word is passed on without a "perhaps"


def status(sentence: str, done: int | None = None, total: int = 1) -> str:
    """A line that screen readers announce, with a bar where there is something to count."""
    bar = "" if done is None else f'<progress aria-hidden="true" value="{done}" max="{total}"></progress>'
    return f'<div class="uare-status" role="status">{escape(sentence)}{bar}</div>'


def verdict_line(verdict: Verdict | None, before: float, after: float, *, is_kept: bool) -> str:
    """The answer to "better than the input?", with the judge's probabilities and both scores."""
    scores = f"Score {before:.2f} before, {after:.2f} after (1 bad, 5 excellent)."
    if verdict is None:
        return _line("unsure", "Not compared", f"with the photo, as you asked. {scores}")
    better, worse, equal = (f"{share:.0%}" for share in verdict.probabilities)
    doubts = f"The judge says: better {better}, about equal {equal}, worse {worse}."
    if verdict.outcome == "better":
        head = (
            "Better than the photo." if verdict.probabilities[0] > SURE else "Perhaps better than the photo."
        )
        return _line("good", head, f"{doubts} {scores}")
    if verdict.outcome == "about equal":
        return _line("unsure", "About as good as the photo.", f"{doubts} {scores}")
    kept = "The photo was kept as it is." if is_kept else "It is shown because you asked for it."
    return _line("bad", "Worse than the photo.", f"{kept} {doubts} {scores}")


def _line(kind: str, head: str, rest: str) -> str:
    return f'<div class="uare-verdict uare-{kind}"><strong>{escape(head)}</strong> {escape(rest)}</div>'


def reasons_line(reasons: str | None) -> str:
    """Why this candidate and not the next best, in the model's words; empty for a single one."""
    if not reasons:
        return ""
    head = "<strong>Why this one and not the next best (B):</strong>"
    return f'<div class="uare-verdict">{head} {escape(reasons)}</div>'


def notes(sentences: tuple[str, ...]) -> str:
    """Warnings, a line each; empty for none."""
    items = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f'<ul class="uare-notes">{items}</ul>' if items else ""


def bars(title: str, rows: list[tuple[str, float, str]], largest: float) -> str:
    """A bar chart as a table: (label, length, what stands behind it) a row; lengths from 0 to `largest`."""
    lines = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        f'<td class="uare-bar"><span style="width:{100 * min(1.0, length / largest):.1f}%"></span></td>'
        f"<td>{escape(text)}</td></tr>"
        for label, length, text in rows
    )
    return f'<table class="uare-bars"><caption>{escape(title)}</caption><tbody>{lines}</tbody></table>'


def score_head(name: str, score: float, level: str) -> str:
    """The name of a photo and its score in large figures."""
    return f'<div>{escape(name)}</div><div class="uare-score">{score:.2f} of 5: {escape(level)}</div>'


def written(text: str) -> str:
    """What the model wrote, line by line."""
    return f'<p class="uare-text">{escape(text)}</p>'
