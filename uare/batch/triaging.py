"""Triage: a score for every photo, a restoration for those below a level, and a ledger of both."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from uare.batch.jobs import Placement, RestoreJob, check_writable, plan_jobs, restore_file
from uare.batch.ledger import Ledger, fingerprint
from uare.batch.loop import Json, refuse_nothing, told, work_through
from uare.documents import document, heading
from uare.errors import InputError, UAREError
from uare.images import load_photo
from uare.options import RestoreOptions
from uare.records import score_of
from uare.screen import Meter, Screen
from uare.vocabulary import LEVELS

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

LEDGER = "triage.jsonl"
_FAILED: Json = {"score": None, "level": None, "action": "failed", "output": None}


def triage_all(
    sources: Sequence[Path],
    place: Placement,
    below: str,
    options: RestoreOptions,
    open_pipeline: Callable[[], tuple["UAREPipeline", Json]],
    screen: Screen,
) -> tuple[Json, int]:
    """Scores all photos and restores those below a level; returns the document and the exit code.

    Photos that the ledger in the output folder has as dealt with are left out, unless they have changed.
    """
    if place.output.suffix and place.output.is_file():
        raise InputError(f"{place.output} is a file; a triage needs a folder for its results")
    ledger = Ledger(place.output / LEDGER)
    jobs, problems = plan_jobs(sources, place)
    refuse_nothing(jobs, problems, screen)
    known = {job: record for job in jobs if (record := ledger.about(job.photo)) is not None}
    dealt_with = {job for job, record in known.items() if _is_dealt_with(record, job, below)}
    waiting = [job for job in jobs if job not in dealt_with]
    skipped = [{"input": str(job.photo), "output": known[job]["output"]} for job in jobs if job in dealt_with]
    more: Json = {"skipped": skipped, "ledger": str(ledger.path)}
    if skipped:
        screen.note(f"{len(skipped)} of {len(jobs)} photos are dealt with according to {ledger.path}")
    if not waiting:
        outcome = told(problems, screen)
        return document("triage", None, outcome, **more), outcome.exit_code
    check_writable(waiting)
    pipe, facts = open_pipeline()

    def work(job: RestoreJob, meter: Meter) -> Json:
        record = {**heading("triage-entry", facts), **fingerprint(job.photo)}
        try:
            record |= _triaged(pipe, job, below, options, facts, screen, meter)
        except UAREError as error:
            ledger.add(record | _FAILED | {"error": str(error)})
            raise
        ledger.add(record)
        return record

    outcome = work_through(
        waiting,
        work,
        names=lambda job: (str(job.photo),),
        screen=screen,
        problems=problems,
        resumes=True,
    )
    return document("triage", facts, outcome, **more), outcome.exit_code


def _is_dealt_with(record: Json, job: RestoreJob, below: str) -> bool:
    if record["action"] == "failed":
        return False
    if record["action"] == "left":
        return not _is_below(record["level"], below)
    return job.result.exists()


def _is_below(level: str, limit: str) -> bool:
    return LEVELS[level] < LEVELS[limit]


def _triaged(
    pipe: "UAREPipeline",
    job: RestoreJob,
    below: str,
    options: RestoreOptions,
    model: Json,
    screen: Screen,
    meter: Meter,
) -> Json:
    """Score, level, what was done, and the result if there is one."""
    photo = load_photo(job.photo)
    score = score_of(pipe, photo)
    if not _is_below(score["level"], below):
        return score | {"action": "left", "output": None, "error": None}
    # A sidecar says that the result there is ours: of the photo before it changed, or of a run cut off.
    job = replace(job, overwrite=job.sidecar.is_file())
    done = restore_file(pipe, job, options, model, screen, meter)
    return score | {"action": done["status"], "output": str(job.result), "error": None}
