"""The documents of the command for people: tables and panels of 80 columns and more."""

import os
from collections.abc import Callable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from uare.analysis import level_of
from uare.batch.loop import Json
from uare.results import Degradation
from uare.screen import printable
from uare.vocabulary import LEVELS

_LEVEL_STYLES = dict(zip(LEVELS, ("green", "green", "yellow", "red", "red"), strict=True))
_VERDICT_WORDS = {"A": "A is better", "B": "B is better", "equal": "about equal"}
_OUTCOME_STYLES = {"better": "green", "about equal": "yellow", "worse": "red"}
_MIB, _GIB = 2**20, 2**30


def rendered(content: Json) -> RenderableType:
    """A document as a person reads it; `document` in it says how."""
    return _RENDERERS[content["document"]](content)


def _assessments(content: Json) -> RenderableType:
    results = content["results"]
    if len(results) == 1:
        return _assessment(results[0])
    table = _table("photo", "score", "level", "what is wrong", right=("score",))
    for result in results:
        found = result["assessment"]
        table.add_row(_name(result["input"]), *_score(found), _defects(found["degradations"]))
    return table


def _assessment(result: Json) -> RenderableType:
    found = result["assessment"]
    facts = _facts()
    facts.add_row("quality", Text.assemble(*_joined(_score(found), " of 5, ")))
    facts.add_row("what is wrong", _defects(found["degradations"]))
    facts.add_row("attributes", Text("   ".join(f"{k} {v:.1f}" for k, v in found["attributes"].items())))
    if result["heat_map"] is not None:
        facts.add_row("regions drawn", _name(result["heat_map"]))
    regions = [] if found["regions"] is None else [_regions(found["regions"])]
    return Group(_name(result["input"], "bold"), facts, *regions, _quoted(found["text"]))


def _regions(regions: list[Json]) -> RenderableType:
    names = list(regions[0]["levels"])
    table = _table("region (x0, y0, x1, y1)", "share", "overall", *names, right=("share", "overall", *names))
    for region in regions:
        levels = [f"{region['levels'][name]:.1f}" for name in names]
        overall = Text(f"{region['overall']:.1f}", style=_LEVEL_STYLES[level_of(region["overall"])])
        table.add_row(str(tuple(region["box"])), f"{region['area']:.0%}", overall, *levels)
    return Padding(table, (1, 0, 0, 0))


def _comparisons(content: Json) -> RenderableType:
    results = content["results"]
    if len(results) == 1:
        found = results[0]["comparison"]
        facts = _facts()
        facts.add_row("A", _name(results[0]["a"]))
        facts.add_row("B", _name(results[0]["b"]))
        facts.add_row("verdict", Text(_VERDICT_WORDS[found["verdict"]], style="bold"))
        facts.add_row("probabilities", Text(_percentages(found["probabilities"])))
        return Group(facts, _quoted(found["text"]))
    table = _table("A", "B", "verdict", "A", "B", "equal")
    for result in results:
        found = result["comparison"]
        shares = [f"{share:.0%}" for share in found["probabilities"].values()]
        table.add_row(_name(result["a"]), _name(result["b"]), Text(_VERDICT_WORDS[found["verdict"]]), *shares)
    return table


def _restorations(content: Json) -> RenderableType:
    results = content["results"]
    if len(results) == 1 and not content["failures"]:
        return _restoration(results[0])
    table = _table("photo", "before", "after", "judged", right=("before", "after"))
    for result in results:
        before, after = (f"{result[when]['score']:.2f}" for when in ("before", "after"))
        table.add_row(_name(result["input"]), before, after, _judged(result))
    return Group(table, _totals(content)) if results else _totals(content)


def _restoration(result: Json) -> RenderableType:
    facts = _facts()
    before, after = (Text.assemble(*_joined(_score(result[when]), " ")) for when in ("before", "after"))
    facts.add_row("quality", Text.assemble(before, "  →  ", after))
    facts.add_row("judged", _judged(result))
    analysis = result["analysis"]
    for part in ("intent", "content", "quality", "plan", "result"):
        if analysis and analysis[part]:
            facts.add_row(
                {"quality": "defects", "result": "expected"}.get(part, part), Text(printable(analysis[part]))
            )
    facts.add_row("result", _name(result["output"], "bold"))
    facts.add_row("details", _name(result["sidecar"]))
    seconds = sum(result["timings"].values())
    facts.add_row("took", Text(f"{seconds:.1f} s, {result['steps']} steps, seed {result['seed']}"))
    return Group(_name(result["input"], "bold"), facts)


def _totals(content: Json) -> Text:
    kinds = [result["status"] for result in content["results"]]
    counts = _counts(
        {
            "restored": kinds.count("restored"),
            "kept as they were": kinds.count("kept"),
            "there already": len(content["skipped"]),
            "failed": len(content["failures"]),
        }
    )
    folders = {os.path.dirname(result["output"]) for result in content["results"]}
    return counts.append(f"; results in {printable(os.path.commonpath(folders))}") if folders else counts


def _ranking(content: Json) -> RenderableType:
    numbers = ("rank", "points", "strength", "95 %")
    table = _table("rank", "photo", "points", "strength", "95 %", right=numbers)
    for result in content["results"]:
        low, high = result["interval"]
        table.add_row(
            str(result["rank"]),
            _name(result["input"]),
            f"{result['points']:.3f}",
            f"{result['strength']:+.2f}",
            f"{low:+.2f} to {high:+.2f}",
        )
    return table


def _triage(content: Json) -> RenderableType:
    table = _table("photo", "score", "level", "done", right=("score",))
    for result in content["results"]:
        table.add_row(_name(result["input"]), *_score(result), result["action"])
    kinds = [result["action"] for result in content["results"]]
    totals = _counts(
        {
            "good enough": kinds.count("left"),
            "restored": kinds.count("restored"),
            "kept as they were": kinds.count("kept"),
            "dealt with before": len(content["skipped"]),
            "failed": len(content["failures"]),
        }
    )
    ledger = Text(f"ledger: {content['ledger']}")
    return Group(table, totals, ledger) if content["results"] else Group(totals, ledger)


def _conversion(content: Json) -> RenderableType:
    return Text(f"{content['output']}: {content['parameters']:,} parameters of {content['source']}")


def _info(content: Json) -> RenderableType:
    model, memory = content["model"], content["memory"]
    facts = _facts()
    facts.add_row("model", Text(model["name"], style="bold"))
    facts.add_row("device", Text(f"{model['device']}, {model['dtype']}"))
    steps, tile = content["sampling"]["steps"], content["sampling"]["tile_px"]
    facts.add_row("restores", Text(f"in {steps} steps, up to {tile} px in one piece"))
    free, total, peak = (memory[f"{name}_bytes"] for name in ("device_free", "device_total", "process_peak"))
    if total is not None:
        facts.add_row("memory", Text(f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB free"))
    if peak is not None:
        facts.add_row("this process", Text(f"{peak / _MIB:,.0f} MiB at its largest"))
    facts.add_row("versions", Text(", ".join(f"{k} {v}" for k, v in content["versions"].items())))
    table = _table("component", "parameters", "MiB", right=("parameters", "MiB"))
    for row in content["components"]:
        table.add_row(row["name"], f"{row['parameters']:,}", f"{row['bytes'] / _MIB:.1f}")
    table.add_section()
    table.add_row("all", f"{content['parameters']:,}", f"{memory['weights_bytes'] / _MIB:.1f}")
    return Group(facts, Text(), table)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        # Names wrap instead of being cut: they are there to be copied.
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _facts() -> Table:
    """Rows of a name and what it is."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _name(path: str, style: str = "") -> Text:
    return Text(printable(path), style=style)


def _score(found: Json) -> tuple[Text, Text]:
    style = _LEVEL_STYLES[found["level"]]
    return Text(f"{found['score']:.2f}", style=style), Text(found["level"], style=style)


def _defects(degradations: list[Json]) -> Text:
    return Text(", ".join(Degradation(**one).words for one in degradations) or "nothing visible")


def _judged(result: Json) -> Text:
    verdict = result["verdict"]
    if verdict is None:
        return Text("not compared")
    share = verdict["probabilities"][verdict["outcome"]]
    text = Text(f"{verdict['outcome']} ({share:.0%})", style=_OUTCOME_STYLES[verdict["outcome"]])
    return text.append(", photo kept") if result["status"] == "kept" else text


def _percentages(probabilities: dict[str, float]) -> str:
    return "   ".join(f"{name} {share:.0%}" for name, share in probabilities.items())


def _counts(counts: dict[str, int]) -> Text:
    return Text(", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do")


def _joined(texts: tuple[Text, ...], between: str) -> list[Any]:
    return [part for text in texts for part in (text, between)][:-1]


def _quoted(text: str) -> RenderableType:
    return Padding(Text(printable(text)), (1, 0, 0, 2)) if text else Text()


_RENDERERS: dict[str, Callable[[Json], RenderableType]] = {
    "assess": _assessments,
    "compare": _comparisons,
    "restore": _restorations,
    "rank": _ranking,
    "triage": _triage,
    "convert": _conversion,
    "info": _info,
}
