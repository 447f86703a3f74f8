"""Triage: a score for every photo, a restoration for those below a level, and a ledger of both.

Who does the work is handed in: this process (`in_this_process`), or several (`uare.batch.triaging_on_ray`).
Only the process that was called writes the ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from uare.batch.contact_sheet import write_contact_sheet
from uare.batch.jobs import Placement, Problems, RestoreJob, check_writable, plan_jobs, restore_file
from uare.batch.ledger import Ledger, fingerprint
from uare.batch.loop import Json, Outcome, refuse_nothing, told, work_through
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

OpenPipeline: TypeAlias = Callable[[], tuple["UAREPipeline", Json]]


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """Which photos are restored, and how."""

    below: str  # level
    options: RestoreOptions


@dataclass(frozen=True, kw_only=True)
class Round:
    """The photos of one call that wait to be dealt with."""

    jobs: Sequence[RestoreJob]
    criteria: Criteria
    ledger: Ledger
    problems: Problems  # of the call, told before the work
    screen: Screen


# Deals with a round; returns the facts about the model (None where it was never opened), and the outcome.
Workers: TypeAlias = Callable[[Round], tuple[Json | None, Outcome]]


def triage_all(
    sources: Sequence[Path], place: Placement, criteria: Criteria, workers: Workers, screen: Screen
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
    dealt_with = {job for job, record in known.items() if _is_dealt_with(record, job, criteria.below)}
    waiting = [job for job in jobs if job not in dealt_with]
    skipped = [{"input": str(job.photo), "output": known[job]["output"]} for job in jobs if job in dealt_with]
    more: Json = {"skipped": skipped, "ledger": str(ledger.path)}
    if skipped:
        screen.note(f"{len(skipped)} of {len(jobs)} photos are dealt with according to {ledger.path}")
    if not waiting:
        outcome = told(problems, screen)
        return document("triage", None, outcome, **more), outcome.exit_code
    check_writable(waiting)
    facts, outcome = workers(
        Round(jobs=waiting, criteria=criteria, ledger=ledger, problems=problems, screen=screen)
    )
    pages = write_contact_sheet(ledger.records, place.output)
    if pages:
        screen.note(f"{pages[0]} shows what became of each photo")
    return document("triage", facts, outcome, **more), outcome.exit_code


def in_this_process(open_pipeline: OpenPipeline) -> Workers:
    """One photo after the other."""

    def deal_with(waiting: Round) -> tuple[Json | None, Outcome]:
        pipe, facts = open_pipeline()

        def work(job: RestoreJob, meter: Meter) -> Json:
            try:
                entry = entry_of(pipe, facts, job, waiting.criteria, waiting.screen, meter)
            except UAREError as error:
                waiting.ledger.add(failed_entry(facts, job, str(error)))
                raise
            waiting.ledger.add(entry)
            return entry

        outcome = work_through(
            waiting.jobs,
            work,
            names=lambda job: (str(job.photo),),
            screen=waiting.screen,
            problems=waiting.problems,
            resumes=True,
        )
        return facts, outcome

    return deal_with


def entry_of(
    pipe: "UAREPipeline", facts: Json, job: RestoreJob, criteria: Criteria, screen: Screen, meter: Meter
) -> Json:
    """Deals with one photo: its line of the ledger. Raises UAREError for a photo that cannot be used."""
    entry = {**heading("triage-entry", facts), **fingerprint(job.photo)}
    photo = load_photo(job.photo)
    entry |= score_of(pipe, photo)
    if not _is_below(entry["level"], criteria.below):
        return entry | {"action": "left", "output": None, "error": None}
    # A sidecar says that the result there is ours: of the photo before it changed, or of a run cut off.
    job = replace(job, overwrite=job.sidecar.is_file())
    done = restore_file(pipe, job, criteria.options, facts, screen, meter)
    return entry | {"action": done["status"], "output": str(job.result), "error": None}


def failed_entry(facts: Json | None, job: RestoreJob, sentence: str) -> Json:
    """The line of a photo that could not be dealt with. Raises InputError where the photo has gone."""
    entry = {**heading("triage-entry", facts), **fingerprint(job.photo)}
    return entry | _FAILED | {"error": sentence}


def _is_dealt_with(record: Json, job: RestoreJob, below: str) -> bool:
    if record["action"] == "failed":
        return False
    if record["action"] == "left":
        return not _is_below(record["level"], below)
    return job.result.exists()


def _is_below(level: str, limit: str) -> bool:
    return LEVELS[level] < LEVELS[limit]
