"""Restores every pair with every subject, writes the results as PNG, then scores the files, not the arrays.

Scoring what lies on disk is what published tables do, and it counts the rounding to 8 bits. A pair or a
subject that fails becomes a sentence; the others go on.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.metrics import find_metrics
from eval.pair_list import Pair, PairPictures, check_stated_psnr, load_pair
from eval.pictures import read_picture, write_picture
from eval.subjects import Subject
from uare.errors import InputError, UAREError

# The columns of this report.
PAIR_METRICS = find_metrics(("psnr_rgb", "psnr_y_ycbcr", "ssim_y_ycbcr", "gmsd"))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A restored picture on disk and the seconds that it took."""

    pair: Pair
    subject: Subject
    file: Path
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """The metrics of one prediction, by the names in `PAIR_METRICS`."""

    prediction: Prediction
    values: dict[str, float]

    @property
    def pair(self) -> Pair:
        """The pair that was restored."""
        return self.prediction.pair

    @property
    def subject(self) -> Subject:
        """Who restored it."""
        return self.prediction.subject


def predict(
    pairs: Sequence[Pair], subjects: Sequence[Subject], pictures_dir: Path
) -> tuple[list[Prediction], list[str]]:
    """Writes `pictures_dir/<subject>/<pair>.png` for each pair and each subject made for its type.

    Gives the predictions and a sentence for each pair or prediction that failed. Progress goes to stderr.
    """
    predictions: list[Prediction] = []
    problems: list[str] = []
    for index, pair in enumerate(pairs):
        print(f"[{index + 1}/{len(pairs)}] {pair.type} {pair.name}", file=sys.stderr)
        try:
            pictures = load_pair(pair)
            mismatch = check_stated_psnr(pair, pictures)
        except InputError as error:
            problems.append(str(error))
            continue
        if mismatch:
            problems.append(mismatch)
        for subject in subjects:
            if not subject.applies_to(pair.type):
                continue
            try:
                predictions.append(_predict_one(pair, pictures, subject, pictures_dir))
            # RuntimeError is what torch raises on a lack of memory; one picture must not end the run.
            except (UAREError, RuntimeError, MemoryError) as error:
                problems.append(f"pair {pair.name}: {subject.name} failed ({error}); its row lacks this pair")
    return predictions, problems


def score(predictions: Sequence[Prediction]) -> tuple[list[Score], list[str]]:
    """Measures each written picture against its reference; a sentence for each that could not be measured."""
    scores: list[Score] = []
    problems: list[str] = []
    for prediction in predictions:
        try:
            restored, reference = read_picture(prediction.file), read_picture(prediction.pair.gt)
            values = {metric.name: metric.load(None)(restored, reference) for metric in PAIR_METRICS}
        except InputError as error:
            problems.append(f"pair {prediction.pair.name}: {prediction.subject.name} has no score: {error}")
            continue
        scores.append(Score(prediction=prediction, values=values))
    return scores, problems


def _predict_one(pair: Pair, pictures: PairPictures, subject: Subject, pictures_dir: Path) -> Prediction:
    start = time.perf_counter()
    restored = subject.restore(pictures.lq, pictures.scale)
    elapsed_s = time.perf_counter() - start
    if restored.shape != pictures.gt.shape:
        raise InputError(f"gave an array of shape {restored.shape}, expected {pictures.gt.shape}")
    file = pictures_dir / file_stem(subject.name) / f"{pair.name}.png"
    write_picture(restored, file)
    return Prediction(pair=pair, subject=subject, file=file, elapsed_s=elapsed_s)


def file_stem(subject_name: str) -> str:
    """A subject's folder name: a model may be named by its path, of which the last part is kept."""
    return Path(subject_name).name or "model"
