"""What the training benchmark works on: a network in training, and rows of the sample photos for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml

from benchmarks.sizes import random_model
from data.rows import Row, Rows
from data.sample_photos import SAMPLE_PHOTOS, clean_photo, write_png
from training.engine import computing
from training.latents import encode_drafts
from training.mixture import make_rows
from training.objective import TrainingStep, count_tokens
from training.phases import prepare
from training.presets import full_size, tiny_tokenizer
from training.settings import TrainSettings, read_settings
from training.start import build
from uare.errors import InputError
from uare.model import UAREModel
from uare.packing import pack
from uare.resizing import resize
from uare.segments import PackedBatch
from uare.tokenizer import TextTokenizer
from uare.vae import Codec

GIB = 2**30
FREE_SHARE = 0.6  # of the device's free memory for weights and gradients; the rest is for a long row
SMALL_CROPS_PX = (128, 192, 256)  # as `uare-tiny` was trained with
FULL_SCALE = 2  # sample photos are doubled for the full size, whose pictures have sides of 512 to 1024 px


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A network ready to be trained, with its codec outside as the loop has it."""

    settings: TrainSettings
    model: UAREModel
    codec: Codec
    tokenizer: TextTokenizer
    repeats: int

    @property
    def device(self) -> torch.device:
        return next(self.codec.parameters()).device

    def rows(self, tokens_per_row: int) -> Rows:
        """The mixture of the sample photos in rows of at least so many tokens."""
        data = self.settings.data.model_copy(update={"tokens_per_row": tokens_per_row})
        settings = self.settings.model_copy(update={"data": data})
        return make_rows(settings, self.model.config, self.tokenizer)

    def packed(self, row: Row) -> PackedBatch:
        """A row as the network takes it, on its device."""
        samples = encode_drafts(row.drafts, self.codec, self.model.config)
        return pack(samples, self.model.config).to(self.device)

    def train_on(self, batch: PackedBatch) -> None:
        """Forward and backward pass of one row; gradients are left in the weights."""
        self.model.zero_grad(set_to_none=True)
        counts = count_tokens([batch], self.device)
        with computing(self.settings, self.device):
            loss, *_ = TrainingStep(self.model, self.settings.loss)(batch, counts.latents, counts.words)
        loss.backward()


def write_photos(folder: Path, scale: int = 1) -> Path:
    """The clean sample photos as PNG files, enlarged by `scale`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLE_PHOTOS:
        photo = clean_photo(sample.name)[0]  # (3, H, W)
        size = (photo.shape[-2] * scale, photo.shape[-1] * scale)
        write_png(resize(photo, size)[None], folder / f"{sample.name}.png")
    return folder


def write_settings(folder: Path, photos: Path, **changes: object) -> Path:
    """A file with the settings of a small first phase, written into `folder`."""
    sets = [{"reader": "folder", "root": str(photos)}]
    document = {
        "phase": "single",
        "model": "uare-tiny",
        "output": str(folder / "output"),
        "steps": 1,
        "precision": "bf16_autocast",
        "recompute_layers": False,
        "data": {
            "size": {"crops_px": list(SMALL_CROPS_PX)},
            "groups": {"single": {"task": "restore", "harm": "single", "weight": 1, "sets": sets}},
        },
        "validation": {"samples": 0},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "phase.yaml"
    path.write_text(yaml.safe_dump({**document, **changes}), encoding="utf-8")
    return path


def small_bench(folder: Path, repeats: int) -> Bench:
    """`uare-tiny` on the CPU or the first GPU."""
    settings = read_settings(write_settings(folder, write_photos(folder / "photos")))
    model, tokenizer = build(settings)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return _bench(settings, model.to(device), tokenizer, repeats)  # type: ignore[arg-type]  # as in sizes.py


def full_bench(folder: Path, repeats: int, num_layers: int | None) -> Bench:
    """Layers of the 7B size with random weights in bfloat16: as many as fit, or so many."""
    if not torch.cuda.is_available():
        raise InputError("found no CUDA device, and layers of the 7B size need one; take --size small")
    photos = write_photos(folder / "photos", FULL_SCALE)
    path = write_settings(folder, photos, precision="bf16", recompute_layers=True)
    settings = read_settings(path, ["data.size.crops_px=null"])
    config = full_size()
    config.language = replace(config.language, num_layers=num_layers or _layers_that_fit())
    model = random_model(config, torch.device("cuda"), torch.bfloat16)
    return _bench(settings, model, tiny_tokenizer(), repeats)


def _layers_that_fit() -> int:
    """Layers of the 7B size whose weights, and gradients of one expert, leave room for the activations."""
    language = full_size().language
    keys = language.num_kv_heads * language.head_width
    width = language.hidden_size
    expert = 2 * width * (width + keys) + 3 * width * language.intermediate_size
    layer = 2 * (2 * expert + expert)  # bytes: both experts' weights and one's gradients
    ends = 2 * 2 * language.vocab_size * width
    free, _ = torch.cuda.mem_get_info()
    fitting = int((FREE_SHARE * free - ends) // layer)
    if fitting < 1:
        raise InputError(f"the device has {free / GIB:.1f} GiB free, too little for one layer; free some")
    return min(fitting, language.num_layers)


def _bench(settings: TrainSettings, model: UAREModel, tokenizer: TextTokenizer, repeats: int) -> Bench:
    codec = model.codec.requires_grad_(False).eval()
    del model.codec
    prepare(model, settings)
    return Bench(settings=settings, model=model, codec=codec, tokenizer=tokenizer, repeats=repeats)
