"""Photos whose background is blurred on purpose: a restorer should leave them alone.

The cases are made by `eval.blur_context`, which also judges what became of their backgrounds.
"""

from __future__ import annotations

from eval.blur_context import ContextCase, context_cases, scenes
from eval.pictures import write_picture
from eval.suites.suite import Candidate, Found, Request


def find_blur_context(request: Request) -> Found:
    """Every case with itself as the reference; the group is the kind of blur."""
    candidates = []
    for case in context_cases(scenes()):
        path = request.made_dir / f"{case_id(case)}.png"
        write_picture(case.photo, path)
        candidates.append(Candidate(id=case_id(case), group=case.kind, lq=path, gt=path))
    return Found(candidates=tuple(candidates))


def case_id(case: ContextCase) -> str:
    """A case's name as that of a file."""
    return f"{case.name}, {case.kind}".replace(", ", "-").replace(" ", "-")
