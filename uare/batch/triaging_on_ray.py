"""A triage by several worker processes, on this machine or many, through Ray Data.

Each worker has the model and reads and writes the photos itself, so on many machines their folders have to be
shared. A worker that dies is replaced and its photo is done again; a photo under which workers die again and
again fails like one that cannot be read. What is done is in the ledger as soon as the caller hears of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from uare.batch.jobs import RestoreJob
from uare.batch.loop import Json, Outcome, sentence_about, told
from uare.batch.triaging import Criteria, OpenPipeline, Round, Workers, entry_of, failed_entry
from uare.errors import InputError
from uare.ray_cluster import Cluster, connected, gpus_of_a_worker
from uare.screen import Screen

RETRIES = 2  # of a photo whose worker died


class Worker:
    """One process with the model in it."""

    def __init__(self, open_pipeline: OpenPipeline, jobs: Sequence[RestoreJob], criteria: Criteria) -> None:
        self._pipe, self._facts = open_pipeline()
        self._jobs = jobs
        self._criteria = criteria
        self._screen = Screen(is_quiet=True)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Deals with the photo of one row: {"index": ...} becomes {"index": ..., "entry": JSON}."""
        (index,) = (int(value) for value in batch["index"])
        return {"index": [index], "entry": [json.dumps(self._entry(self._jobs[index]))]}

    def _entry(self, job: RestoreJob) -> Json:
        try:
            with self._screen.progress([str(job.photo)]) as meter:
                return entry_of(self._pipe, self._facts, job, self._criteria, self._screen, meter)
        except Exception as error:
            sentence = sentence_about(error, str(job.photo))
        try:
            return failed_entry(self._facts, job, sentence)
        except InputError:  # the photo has gone: nothing to tell it from another by
            return {"input": str(job.photo), "action": "failed", "error": sentence, "model": self._facts}


def on_ray_cluster(open_pipeline: OpenPipeline, cluster: Cluster, device: str | None) -> Workers:
    """Workers of a cluster; `open_pipeline` is called in each of them."""

    def deal_with(waiting: Round) -> tuple[Json | None, Outcome]:
        with connected(cluster) as ray:
            arguments = (open_pipeline, tuple(waiting.jobs), waiting.criteria)
            try:
                rows = _rows(ray, arguments, cluster, gpus_of_a_worker(ray, device))
                return _collected(rows, waiting)
            except ray.exceptions.RayError as error:  # such as a model that no worker can load
                reason = str(error).strip().rpartition("\n")[2]
                raise InputError(
                    f"the workers of Ray cannot go on ({reason}); what is done is kept, try without --ray"
                ) from error

    return deal_with


def _rows(
    ray: ModuleType, arguments: tuple[Any, ...], cluster: Cluster, num_gpus: int
) -> Iterator[dict[str, Any]]:
    """What the workers return, as it comes."""
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what failed is told by us, once
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # a photo that kills its workers stops no other
    count = len(arguments[1])
    rows = ray.data.from_items([{"index": index} for index in range(count)], override_num_blocks=count)
    return rows.map_batches(
        Worker,
        fn_constructor_args=arguments,
        batch_size=1,
        compute=ActorPoolStrategy(size=cluster.workers),
        num_cpus=1,
        num_gpus=num_gpus,
        max_restarts=-1,
        max_task_retries=RETRIES,
    ).iter_rows()


def _collected(rows: Iterator[dict[str, Any]], waiting: Round) -> tuple[Json | None, Outcome]:
    """Writes each entry down as it comes; what never came has failed."""
    outcome = told(waiting.problems, waiting.screen)
    facts: Json | None = None
    missing = dict(enumerate(waiting.jobs))
    try:
        with waiting.screen.progress([str(job.photo) for job in waiting.jobs]) as meter:
            for row in rows:
                job = missing.pop(row["index"])
                entry = json.loads(row["entry"])
                facts = entry["model"]
                if "size_bytes" in entry:
                    waiting.ledger.add(entry)
                _count(outcome, entry, job, waiting.screen)
                meter.start(len(waiting.jobs) - len(missing) - 1)
    except KeyboardInterrupt:
        outcome.is_interrupted = True
        done = f"{len(outcome.results)} of {len(waiting.jobs)}"
        waiting.screen.stopped(
            f"Stopped by Ctrl-C: {done} done and kept; the same command goes on from there."
        )
        return facts, outcome
    for job in missing.values():
        sentence = f"{job.photo}: its worker ended {RETRIES + 1} times; try it alone, without --ray"
        entry = failed_entry(facts, job, sentence)
        waiting.ledger.add(entry)
        _count(outcome, entry, job, waiting.screen)
    return facts, outcome


def _count(outcome: Outcome, entry: Json, job: RestoreJob, screen: Screen) -> None:
    if entry["action"] == "failed":
        screen.fail(entry["error"])
        outcome.failures.append({"input": str(job.photo), "error": entry["error"]})
    else:
        outcome.results.append(entry)
