"""A restoration of many photos: what is done is left out, the rest is restored one by one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uare.batch.jobs import Placement, check_writable, plan_jobs, restore_file
from uare.batch.loop import Json, refuse_nothing, told, work_through
from uare.documents import document
from uare.options import RestoreOptions
from uare.screen import Screen

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline


def restore_all(
    sources: Sequence[Path],
    place: Placement,
    options: RestoreOptions,
    open_pipeline: Callable[[], tuple["UAREPipeline", Json]],
    screen: Screen,
) -> tuple[Json, int]:
    """Restores all photos in `sources`; returns the document of the command and its exit code.

    Raises what nothing could be done about: an output that takes no files, a model that cannot be loaded.
    """
    jobs, problems = plan_jobs(sources, place)
    refuse_nothing(jobs, problems, screen)
    waiting = [job for job in jobs if not job.is_done]
    skipped = [{"input": str(job.photo), "output": str(job.result)} for job in jobs if job.is_done]
    if skipped:
        what = f"{skipped[0]['output']} is" if len(skipped) == 1 else f"{len(skipped)} results are"
        screen.note(f"{what} there already and left out; --overwrite restores again")
    if not waiting:
        outcome = told(problems, screen)
        return document("restore", None, outcome, skipped=skipped), outcome.exit_code
    check_writable(waiting)
    pipe, facts = open_pipeline()
    outcome = work_through(
        waiting,
        lambda job, meter: restore_file(pipe, job, options, facts, screen, meter),
        names=lambda job: (str(job.photo),),
        screen=screen,
        problems=problems,
        resumes=True,
    )
    return document("restore", facts, outcome, skipped=skipped), outcome.exit_code
