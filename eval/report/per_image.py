"""Every value of a suite as CSV: a line for each picture and subject, in full precision."""

from __future__ import annotations

import csv
import io

from eval.records import Item, SubjectRun, SuiteRun


def per_image_csv(suite: SuiteRun) -> str:
    """The lines of all subjects; an empty field where there is no value, with the reason in `problem`."""
    protocols = list(dict.fromkeys(protocol for subject in suite.subjects for _, protocol in subject.scores))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    head = ["suite", "group", "item", "subject", "kind", "elapsed_s", "said_score", "mos"]
    files = ["lq_sha256", "gt_sha256", "picture_sha256"]
    lines.writerow([*head, *protocols, *files, "problem"])
    touched = [{*one.predictions, *(name for name, _ in one.scores)} for one in suite.subjects]
    for item in suite.items:
        for subject, names in zip(suite.subjects, touched, strict=True):
            if item.id in names:
                lines.writerow(_line(suite.info.name, item, subject, protocols))
    return text.getvalue()


def _line(suite: str, item: Item, subject: SubjectRun, protocols: list[str]) -> list[str]:
    prediction = subject.predictions.get(item.id)
    scores = [subject.scores.get((item.id, protocol)) for protocol in protocols]
    problems = [prediction.problem if prediction else None, *(one.problem for one in scores if one)]
    return [
        *(suite, item.group, item.id, subject.info.name, subject.info.kind),
        f"{prediction.elapsed_s:.3f}" if prediction else "",
        _full(prediction.score if prediction else None),
        _full(item.mos),
        *(_full(one.value if one else None) for one in scores),
        *(item.lq_sha256, item.gt_sha256 or "", (prediction.sha256 if prediction else None) or ""),
        "; ".join(dict.fromkeys(one for one in problems if one)),
    ]


def _full(value: float | None) -> str:
    return "" if value is None else repr(value)
