"""What a judge in training is shown: pooled features, computed once and kept, or pictures, read as needed.

And the frozen texts that its degradation branch is aligned with: one per task, the mean over some wordings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.judge_loop import Views
from uare.assess import user_text
from uare.images import load_photo
from uare.judge import marks_of
from uare.judge_views import clip_view, pooled_view
from uare.model import UAREModel
from uare.packing import pack
from uare.tokenizer import TextTokenizer
from uare.vocabulary import DEGRADATIONS

TEMPLATES = (
    "a photo restored from {}",
    "a photo with traces of {}",
    "what is left of {} after restoration",
)
SAVED_EVERY = 200  # images, so that a run that is stopped loses little
READERS = 8  # threads


def sentences(task: str) -> list[str]:
    """What is said of a task, named by its id or in words."""
    return [template.format(DEGRADATIONS.get(task, task)) for template in TEMPLATES]


def pooled_features(
    model: UAREModel,
    tokenizer: TextTokenizer,
    images: Sequence[Path],
    most_px: int | None,
    cache: Path,
    tell: Callable[[str], None] = print,
) -> Tensor:
    """`pooled_view` of each image, (m, W) float32; the cache file counts for the same model and images."""
    key = _key(model, images, most_px)
    rows = _cached(cache, key)
    for index in range(len(rows), len(images)):
        rows.append(pooled_view(model, tokenizer, load_photo(images[index]), most_px))
        if len(rows) % SAVED_EVERY == 0 or len(rows) == len(images):
            cache.parent.mkdir(parents=True, exist_ok=True)
            partial = cache.with_suffix(".partial")
            save_file({"views": torch.stack(rows)}, partial, metadata={"key": key})
            partial.replace(cache)
            tell(f"looked at {len(rows)} of {len(images)} images")
    return torch.stack(rows)


def _key(model: UAREModel, images: Sequence[Path], most_px: int | None) -> str:
    """Differs where the model or one of the images is another."""
    files = [(str(image), status.st_size, status.st_mtime_ns) for image in images if (status := image.stat())]
    return hashlib.sha256(json.dumps([marks_of(model), most_px, files]).encode()).hexdigest()


def _cached(cache: Path, key: str) -> list[Tensor]:
    if not cache.is_file():
        return []
    try:
        with safe_open(cache, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return []
            return list(file.get_tensor("views"))
    except (SafetensorError, OSError):
        return []  # torn by a crash: looked at again


def of_table(features: Tensor) -> Views:
    """Views out of a table of features (m, W)."""
    return lambda images: features[images.to(features.device)]


def of_files(images: Sequence[Path], device: torch.device) -> Views:
    """CLIP's view of pictures, read from their files whenever they are asked for."""
    pool = ThreadPoolExecutor(READERS)

    def look(indices: Tensor) -> Tensor:
        files = [images[index] for index in indices.tolist()]
        return torch.stack(list(pool.map(lambda file: clip_view(load_photo(file)), files))).to(device)

    return look


@torch.no_grad()
def own_texts(model: UAREModel, tokenizer: TextTokenizer, tasks: Sequence[str]) -> dict[str, Tensor]:
    """Task -> what our own network makes of its sentences (D,), relative to the mean over the tasks."""
    means = {}
    for task in dict.fromkeys(tasks):
        samples = [[user_text(tokenizer, sentence)] for sentence in sentences(task)]
        hidden = [model(pack([one], model.config).to(model.device)).hidden.float().mean(0) for one in samples]
        means[task] = torch.stack(hidden).mean(0).cpu()
    # all sentences have most of their words in common, which must not drown what they differ in
    centre = torch.stack(list(means.values())).mean(0) if len(means) > 1 else torch.zeros(())
    return {task: mean - centre for task, mean in means.items()}
