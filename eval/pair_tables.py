"""From scores per picture to rows per degradation type: means with intervals, gains, quoted peers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.intervals import MeanInterval, mean_with_interval
from eval.pair_list import Pair
from eval.pair_scores import PAIR_METRICS, Score
from eval.subjects import CLASSICAL, INPUT, MODEL, QUOTED
from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS

# {model: {pair name: {metric name: value}}}
Peers = Mapping[str, Mapping[str, Mapping[str, float]]]
PEER_METRICS = ("PSNR", "SSIM-Y")  # what a file of quoted values holds, in this order
# In such a file, the untouched input: no rival, but proof that both measured the same pictures alike.
QUOTED_INPUT = "identity"
QUOTED_TOLERANCES = {"PSNR": 0.02, "SSIM-Y": 0.001}  # dB and 1; JPEG decoders differ by a little less


@dataclass(frozen=True, kw_only=True)
class Row:
    """One subject's means over the pairs of a group; `metrics` lacks what is not known of a quoted peer."""

    name: str
    kind: str  # of eval.subjects: MODEL, CLASSICAL, UNTOUCHED or QUOTED
    num_pairs: int
    metrics: dict[str, MeanInterval]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Pairs that are averaged together: one type, or one type's photographed or rendered pairs."""

    type: str
    source: str  # "all", "real" or "synthetic"
    num_pairs: int
    rows: tuple[Row, ...]
    # Per metric: what a subject gains over another on the same pairs, e.g. ("uare-tiny", "input").
    gains: dict[tuple[str, str], dict[str, MeanInterval]]

    def row(self, name: str) -> Row | None:
        """The row of that name, None if the group has none."""
        return next((row for row in self.rows if row.name == name), None)

    def best_classical(self, metric_name: str) -> Row | None:
        """The classical baseline with the best mean, None if there is none."""
        return best_classical(self.rows, self.num_pairs, metric_name)


def best_classical(rows: Sequence[Row], num_pairs: int, metric_name: str) -> Row | None:
    """The classical baseline with the best mean among those that restored all of a group's pairs."""
    metric = next(metric for metric in PAIR_METRICS if metric.name == metric_name)
    best: Row | None = None
    for row in rows:
        if row.kind != CLASSICAL or row.num_pairs != num_pairs:
            continue
        if best is None or metric.better(row.metrics[metric_name].mean, best.metrics[metric_name].mean):
            best = row
    return best


def read_peers(path: Path) -> Peers:
    """Reads published values, {model: {pair name: [PSNR of RGB in dB, SSIM of Y]}}; InputError otherwise."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            model: {
                pair: dict(zip(PEER_METRICS, map(float, pair_values), strict=True))
                for pair, pair_values in values.items()
            }
            for model, values in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not hold quoted values ({error}); expected {{model: {{pair name: [PSNR, SSIM]}}}}"
        ) from error


def check_quoted_input(scores: Sequence[Score], peers: Peers) -> list[str]:
    """A sentence for each pair whose input was quoted with other values than measured here."""
    quoted = peers.get(QUOTED_INPUT, {})
    return [
        f"pair {one.pair.name}: {name} of the input is quoted as {quoted[one.pair.name][name]:.4f}, measured "
        f"{one.values[name]:.4f}; quoted rows may be of other pictures or another recipe"
        for one in scores
        if one.subject.name == INPUT and one.pair.name in quoted
        for name in PEER_METRICS
        if abs(quoted[one.pair.name][name] - one.values[name]) > QUOTED_TOLERANCES[name]
    ]


def build_groups(scores: Sequence[Score], peers: Peers, seed: int) -> list[Group]:
    """A group per type, unknown types last; where a type has both sources, one more for each."""
    known = list(DEGRADATIONS)
    types = sorted(
        {s.pair.type for s in scores}, key=lambda t: (known.index(t) if t in known else len(known), t)
    )
    groups = []
    for degradation in types:
        of_type = [s for s in scores if s.pair.type == degradation]
        sources = {s.pair.real for s in of_type}
        if len(sources) > 1:
            groups.append(_group(of_type, degradation, "all", peers, seed))
        for real in sorted(sources, reverse=True):
            chosen = [s for s in of_type if s.pair.real == real]
            groups.append(_group(chosen, degradation, "real" if real else "synthetic", peers, seed))
    return groups


def build_totals(scores: Sequence[Score], seed: int) -> list[Group]:
    """All photographed and all rendered pairs; only of subjects that restored every pair of the group."""
    totals = []
    for real in sorted({s.pair.real for s in scores}, reverse=True):
        chosen = [s for s in scores if s.pair.real == real]
        totals.append(
            _group(chosen, "every type", "real" if real else "synthetic", {}, seed, only_complete=True)
        )
    return totals


def _group(
    scores: Sequence[Score],
    degradation: str,
    source: str,
    peers: Peers,
    seed: int,
    only_complete: bool = False,
) -> Group:
    pairs: dict[str, Pair] = {s.pair.name: s.pair for s in scores}
    by_subject: dict[str, dict[str, Score]] = {}
    for s in scores:
        by_subject.setdefault(s.subject.name, {})[s.pair.name] = s
    if only_complete:
        by_subject = {name: done for name, done in by_subject.items() if len(done) == len(pairs)}
    rows = [_measured_row(list(done.values()), seed) for done in by_subject.values()]
    for model, values in peers.items():
        quoted = [values[name] for name in pairs if name in values]
        if quoted and model != QUOTED_INPUT:
            rows.append(_quoted_row(model, quoted, seed))
    rival = best_classical(rows, len(pairs), "PSNR")
    rivals = [name for name in (INPUT, rival.name if rival else None) if name in by_subject]
    gains = {
        (row.name, name): _gains(by_subject[row.name], by_subject[name], seed)
        for row in rows
        if row.kind == MODEL
        for name in rivals
    }
    return Group(type=degradation, source=source, num_pairs=len(pairs), rows=tuple(rows), gains=gains)


def _measured_row(scores: Sequence[Score], seed: int) -> Row:
    return Row(
        name=scores[0].subject.name,
        kind=scores[0].subject.kind,
        num_pairs=len(scores),
        metrics={m.name: mean_with_interval([s.values[m.name] for s in scores], seed) for m in PAIR_METRICS},
    )


def _quoted_row(model: str, quoted: Sequence[Mapping[str, float]], seed: int) -> Row:
    return Row(
        name=model,
        kind=QUOTED,
        num_pairs=len(quoted),
        metrics={
            name: mean_with_interval([values[name] for values in quoted], seed) for name in PEER_METRICS
        },
    )


def _gains(ours: Mapping[str, Score], theirs: Mapping[str, Score], seed: int) -> dict[str, MeanInterval]:
    """Mean difference per metric over the pairs that both restored: positive if `ours` is larger."""
    common = [name for name in ours if name in theirs]
    return {
        m.name: mean_with_interval([ours[n].values[m.name] - theirs[n].values[m.name] for n in common], seed)
        for m in PAIR_METRICS
        if common
    }
