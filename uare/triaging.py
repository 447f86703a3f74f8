"""Triage: a score for every photo, a restoration for those below a level, and a ledger of both."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from uare.batch import Json, work_through
from uare.documents import document, heading
from uare.errors import InputError, UAREError
from uare.images import load_photo
from uare.jobs import Placement, RestoreChoices, RestoreJob, check_writable, plan_jobs, restore_file, score_of
from uare.ledger import Ledger, fingerprint
from uare.screen import Meter, Screen
from uare.vocabulary import LEVELS

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

LEDGER = "triage.jsonl"


def triage_all(
    sources: Sequence[Path],
    place: Placement,
    below: str,
    choices: RestoreChoices,
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
    known = {job: record for job in jobs if (record := ledger.about(job.photo)) is not None}
    waiting = [job for job in jobs if not _is_dealt_with(known.get(job), job, below)]
    if len(waiting) < len(jobs):
        screen.note(
            f"{len(jobs) - len(waiting)} of {len(jobs)} photos are dealt with according to {ledger.path}"
        )
    check_writable(waiting)
    pipe, facts = open_pipeline()

    def work(job: RestoreJob, meter: Meter) -> Json:
        record = {**heading("triage-entry", facts), **fingerprint(job.photo)}
        try:
            record |= _triaged(pipe, job, below, choices, facts, screen, meter)
        except UAREError as error:
            ledger.add(
                record
                | {"score": None, "level": None, "action": "failed", "output": None, "error": str(error)}
            )
            raise
        ledger.add(record)
        return record

    outcome = work_through(
        waiting,
        work,
        name=lambda job: str(job.photo),
        screen=screen,
        problems=problems,
        resumes=True,
    )
    skipped = [
        {"input": str(job.photo), "output": known[job]["output"]} for job in jobs if job not in waiting
    ]
    return document("triage", facts, outcome, skipped=skipped, ledger=str(ledger.path)), outcome.exit_code


def _is_dealt_with(record: Json | None, job: RestoreJob, below: str) -> bool:
    if record is None or record["action"] == "failed":
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
    choices: RestoreChoices,
    model: Json,
    screen: Screen,
    meter: Meter,
) -> Json:
    """Score, level, what was done, and the result if there is one."""
    photo = load_photo(job.photo)
    score = score_of(pipe, photo)
    if not _is_below(score["level"], below):
        return score | {"action": "left", "output": None, "error": None}
    # What lies there is of a photo that has changed since, or of a run that ended before its line.
    done = restore_file(pipe, replace(job, overwrite=True), choices, model, screen, meter)
    return score | {"action": done["status"], "output": str(job.result), "error": None}
