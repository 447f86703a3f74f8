"""Predicts, then scores: each picture and each value once, however often and by however many processes.

What is on disk and still depends on the same data, subject and recipe is not done again. An item that fails
becomes a problem in its line, and the others go on; a later run tries it again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from eval.adapters.subject import Answer, Subject, text_digest
from eval.gauges import Gauges
from eval.item_pictures import read_input, read_reference, read_result, result_size
from eval.journal import PREDICTIONS, SCORES, Part
from eval.metrics import Array
from eval.metrics.rows import Metric
from eval.pictures import write_picture
from eval.progress import Progress
from eval.ranks import Ranks
from eval.records import OWN_SCORE, Item, Prediction, Score, picture_of, read_predictions, read_scores
from eval.suites.items import sha256_of
from uare.errors import CheckpointError, ConfigError, InputError, UAREError


def predict_suite(items: Sequence[Item], subjects: Sequence[Subject], folder: Path, ranks: Ranks) -> None:
    """Fills `folder/<subject>/` with this process's share of the predictions.

    Raises what `Subject.prepare` raises: a model that cannot be loaded ends the run.
    """
    done = {one.info.name: read_predictions(folder / one.info.folder) for one in subjects}
    share = items[ranks.index :: ranks.count]
    progress = Progress(f"{folder.name}, predicting", len(share), shown=ranks.leads)
    prepared: set[str] = set()
    with ExitStack() as stack:
        journals = {
            one.info.name: stack.enter_context(Part(folder / one.info.folder, PREDICTIONS, ranks.index))
            for one in subjects
        }
        for item in share:
            wanting = [
                one
                for one in subjects
                if one.takes(item)
                and not _is_done(done[one.info.name].get(item.id), item, one, folder / one.info.folder)
            ]
            for subject in wanting:
                if subject.info.name not in prepared:
                    subject.prepare()
                    prepared.add(subject.info.name)
            for prediction, name in _predict_item(item, wanting, folder):
                journals[name].add(prediction)
            progress.step(item.id, worked=bool(wanting))


def score_suite(
    items: Sequence[Item],
    subject_folders: Sequence[Path],
    metrics: Sequence[Metric],
    gauges: Gauges,
    ranks: Ranks,
) -> None:
    """Fills the folders of subjects with this process's share of the scores."""
    predictions = [read_predictions(folder) for folder in subject_folders]
    done = [read_scores(folder) for folder in subject_folders]
    share = items[ranks.index :: ranks.count]
    suite = subject_folders[0].parent.name if subject_folders else ""
    progress = Progress(f"{suite}, scoring", len(share), shown=ranks.leads)
    with ExitStack() as stack:
        journals = [stack.enter_context(Part(one, SCORES, ranks.index)) for one in subject_folders]
        for item in share:
            reference = _Reference(item)
            num_new = 0
            for folder, of_subject, scored, journal in zip(
                subject_folders, predictions, done, journals, strict=True
            ):
                prediction = of_subject.get(item.id)
                if prediction is None or prediction.problem is not None:
                    continue
                for score in _score_item(item, prediction, folder, scored, metrics, gauges, reference):
                    journal.add(score)
                    num_new += 1
            progress.step(item.id, worked=num_new > 0)


def prediction_digest(item: Item, subject: Subject) -> str:
    """Digest of all that a prediction depends on."""
    attributes = ("attributes",) if item.labels else ()  # predictions of earlier versions have none
    return text_digest(item.lq_sha256, item.crop, item.scale, item.kind, subject.digest_of(item), *attributes)


def score_digest(item: Item, prediction: Prediction, version: str) -> str:
    """Digest of all that a value depends on; `version` is that of the recipe."""
    return text_digest(prediction.sha256, prediction.made_of, item.gt_sha256, item.crop, version)


def _is_done(found: Prediction | None, item: Item, subject: Subject, folder: Path) -> bool:
    if found is None or found.problem is not None or found.made_of != prediction_digest(item, subject):
        return False
    file = picture_of(found, folder)
    return file is None or file.is_file()


def _predict_item(item: Item, subjects: Sequence[Subject], folder: Path) -> list[tuple[Prediction, str]]:
    """The predictions of these subjects, each with its subject's name."""
    if not subjects:
        return []
    try:
        picture = read_input(item)
    except InputError as error:
        return [(_failed(item, one, str(error)), one.info.name) for one in subjects]
    return [(_predict_one(item, one, picture, folder / one.info.folder), one.info.name) for one in subjects]


def _predict_one(item: Item, subject: Subject, picture: Array, folder: Path) -> Prediction:
    started = time.perf_counter()
    try:
        answer = subject.predict(item, picture)
        elapsed_s = time.perf_counter() - started
        file = _kept_picture(item, answer, picture, folder)
        if answer.score is not None and not math.isfinite(answer.score):
            raise InputError(f"gave the score {answer.score}")
        return Prediction(
            item=item.id,
            file=file,
            score=answer.score,
            text=answer.text,
            elapsed_s=elapsed_s,
            problem=None,
            made_of=prediction_digest(item, subject),
            sha256=None if file is None else sha256_of(folder / file),
            attributes=answer.attributes,
        )
    except (CheckpointError, ConfigError):
        raise  # wrong for every item
    except Exception as error:  # whatever a restorer raises on one picture, the others go on
        return _failed(item, subject, readable(error))


def _kept_picture(item: Item, answer: Answer, picture: Array, folder: Path) -> str | None:
    """Where the answer's picture lies, written if it was an array; InputError if its size does not fit."""
    if answer.file is not None:
        read_result(item, answer.file, result_size(item))
        return str(answer.file)
    if answer.picture is None:
        return None
    height, width = picture.shape[:2]
    if answer.picture.shape != (height * item.scale, width * item.scale, 3):
        raise InputError(
            f"gave a picture of shape {answer.picture.shape}, expected "
            f"{(height * item.scale, width * item.scale, 3)}"
        )
    if not bool((answer.picture == answer.picture).all()):
        raise InputError("gave a picture with values that are not numbers")
    file = Path("pictures") / f"{item.id}.png"
    write_picture(answer.picture, folder / file)
    return str(file)


def _failed(item: Item, subject: Subject, problem: str) -> Prediction:
    return Prediction(item=item.id, file=None, score=None, text=None, elapsed_s=0.0, problem=problem)


class _Reference:
    """The reference of an item, read at most once and only if a value is wanted."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._read: Array | None = None

    def pixels(self) -> Array | None:
        """(H, W, 3) in [0, 1], None without a reference."""
        if self._read is None:
            self._read = read_reference(self._item)
        return self._read


def _score_item(
    item: Item,
    prediction: Prediction,
    folder: Path,
    done: dict[tuple[str, str], Score],
    metrics: Sequence[Metric],
    gauges: Gauges,
    reference: _Reference,
) -> list[Score]:
    """The values of one prediction that are not there yet."""
    scores = []

    def is_new(protocol: str, made_of: str) -> bool:
        found = done.get((item.id, protocol))
        return found is None or found.value is None or found.made_of != made_of

    made_of = score_digest(item, prediction, OWN_SCORE)
    if prediction.score is not None and is_new(OWN_SCORE, made_of):
        value = prediction.score
        scores.append(Score(item=item.id, protocol=OWN_SCORE, value=value, problem=None, made_of=made_of))
    file = picture_of(prediction, folder)
    if file is None:
        return scores
    wanted = [
        metric
        for metric in metrics
        if (item.gt is not None or not metric.needs_reference)
        and is_new(metric.id, score_digest(item, prediction, metric.version))
        and gauges.can(metric)
    ]
    if not wanted:
        return scores
    try:
        result = read_result(item, file, result_size(item))
        gt = reference.pixels()
    except InputError as error:
        return scores + [_unscored(item, metric, str(error)) for metric in wanted]
    for metric in wanted:
        made_of = score_digest(item, prediction, metric.version)
        try:
            value = gauges.measure(metric, result, gt)
        except Exception as error:  # whatever a library raises on one picture, the others go on
            scores.append(_unscored(item, metric, readable(error)))
            continue
        if not math.isfinite(value):
            scores.append(_unscored(item, metric, f"gave {value}, expected a finite number"))
            continue
        scores.append(Score(item=item.id, protocol=metric.id, value=value, problem=None, made_of=made_of))
    return scores


def _unscored(item: Item, metric: Metric, problem: str) -> Score:
    return Score(item=item.id, protocol=metric.id, value=None, problem=problem)


def readable(error: Exception) -> str:
    """What an exception says in one line; one that is not ours is named."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UAREError) else f"{type(error).__name__}: {text}"
