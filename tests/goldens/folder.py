"""A folder of recorded reference outputs, the model in it, and the report of what differs by how much.

Nothing about sizes, texts or images is known here: everything comes out of the folder (goldens/README.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from uare.checkpoints.bagel import read_config
from uare.config import TransformConfig, UAREConfig
from uare.model import UAREModel
from uare.packing import CleanLatent, Item, VisionImage, patchify_image, patchify_latent
from uare.resizing import resize, target_size
from uare.tokenizer import TextTokenizer

# Limits of goldens/README.md: error = max |ours − recorded| / max |recorded|, unless said otherwise.
ACTIVATIONS = 2e-5
FLOW_STATE = 5e-5
LOSS = 5e-6
GRADIENT = 1e-4
EXACT = 0.0
PREFIX = "bagel-tiny-"


@dataclass(frozen=True)
class Difference:
    """One compared value: its error in the measure that its limit has."""

    record: str
    name: str
    error: float
    limit: float

    @property
    def fails(self) -> bool:
        return not self.error <= self.limit  # also true for NaN


@dataclass
class Report:
    """Collects the differences of one record, so that a failure shows all of them."""

    record: str
    differences: list[Difference] = field(default_factory=list)

    def add(self, name: str, error: float, limit: float) -> None:
        self.differences.append(Difference(self.record, name, error, limit))

    def close(self, name: str, ours: Tensor, recorded: Tensor, limit: float = ACTIVATIONS) -> None:
        """Compares two tensors of equal shape by the largest difference over the largest recorded value."""
        if ours.shape != recorded.shape:
            self.add(f"{name}: shape {tuple(ours.shape)}, not {tuple(recorded.shape)}", float("inf"), limit)
            return
        largest = recorded.double().abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        error = (ours.detach().double() - recorded.double()).abs().max() / largest
        self.add(name, float(error), limit)

    def equal(self, name: str, ours: Any, recorded: Any) -> None:
        """Compares ids, indexes, sizes or texts; tensors, tuples and lists of equal values are equal."""
        self.add(name, 0.0 if _plain(ours) == _plain(recorded) else float("inf"), EXACT)

    def pixels(self, name: str, ours: Tensor, recorded: Tensor) -> None:
        """Compares uint8 images: one level apart in at most 0.2 % of the values."""
        apart = (ours.int() - recorded.int()).abs()
        share = float((apart > 0).float().mean()) if int(apart.max()) <= 1 else float("inf")
        self.add(f"{name} (share one level apart)", share, 2e-3)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


class Golden:
    """One golden folder: records by file, and the checkpoint loaded as a user would load it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def json(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    def tensors(self, name: str) -> dict[str, Tensor]:
        return load_file(self.folder / f"{name}.safetensors")

    @cached_property
    def model_args(self) -> dict[str, Any]:
        return self.json("model_args")

    def transform(self, name: str) -> TransformConfig:
        limits = self.model_args["transforms"][name]
        return TransformConfig(
            **{key: limits[key] for key in ("max_size", "min_size", "stride", "max_pixels")}
        )

    @cached_property
    def config(self) -> UAREConfig:
        """What the checkpoint says, and from `model_args.json` what it cannot say."""
        config = read_config(self.folder / "checkpoint")
        config.latent_transform = self.transform("vae_t")
        config.vision_transform = self.transform("vit_t")
        config.assess_transform = self.transform("iqa_t")
        scales = {key: self.model_args["ae"][key] for key in ("scale_factor", "shift_factor")}
        config.codec = config.codec | scales
        return config

    @cached_property
    def model(self) -> UAREModel:
        folder = self.folder / "checkpoint"
        return UAREModel.from_pretrained(folder, config=self.config, dtype=torch.float32).eval()

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        return TextTokenizer.from_folder(self.folder / "checkpoint")

    def ids(self, text: str) -> tuple[int, ...]:
        """Ids as BAGEL makes them: control strings inside a text are control tokens."""
        return tuple(self.tokenizer.encode(text, recognise_control=True))

    @cached_property
    def images(self) -> dict[str, Tensor]:
        """Recorded images (3, H, W) in [0, 1] by name."""
        return {name: u8.permute(2, 0, 1) / 255 for name, u8 in self.tensors("images").items()}

    def resized(self, image: Tensor, transform: str) -> Tensor:
        return resize(image, target_size((image.shape[-2], image.shape[-1]), self.transform(transform)))

    def vision(self, image: Tensor) -> VisionImage:
        """The ViT item of an image that has its size already."""
        patch = self.config.vision.patch_size
        grid = (image.shape[-2] // patch, image.shape[-1] // patch)
        return VisionImage(patches=patchify_image((image - 0.5) / 0.5, patch), grid=grid)

    def latent_tokens(self, latent: Tensor) -> Tensor:
        return patchify_latent(latent, self.config.latent.patch_size)

    def clean_latent(self, image: Tensor, noise: Tensor) -> CleanLatent:
        """The condition item of an image, its posterior sampled with recorded noise (1, C, H/8, W/8)."""
        with torch.no_grad():
            latent = self.model.codec.encode(image[None], noise)[0]
        return CleanLatent(tokens=self.latent_tokens(latent), grid=self.grid(latent.shape[-2:]))

    def grid(self, latent_size: tuple[int, ...]) -> tuple[int, int]:
        patch = self.config.latent.patch_size
        return latent_size[0] // patch, latent_size[1] // patch

    def image_items(self, image: Tensor, noise: Tensor) -> list[Item]:
        """A condition image at inference: resized for the codec, and that picture again for the ViT."""
        image = self.resized(image, "vae_t")
        return [self.clean_latent(image, noise), self.vision(self.resized(image, "vit_t"))]


def find_goldens(root: Path) -> list[Path]:
    """Folders of this form: `root` itself, or its sub-folders, whose manifest has a name with our prefix."""
    candidates = [root, *sorted(path for path in root.iterdir() if path.is_dir())] if root.is_dir() else []
    return [path for path in candidates if _name(path).startswith(PREFIX)]


def _name(folder: Path) -> str:
    manifest = folder / "manifest.json"
    return str(json.loads(manifest.read_text(encoding="utf-8")).get("name")) if manifest.is_file() else ""


@contextmanager
def watched(*modules: nn.Module) -> Iterator[list[tuple[Any, Any]]]:
    """Collects (arguments, output) of every call of the modules, in order of the calls."""
    calls: list[tuple[Any, Any]] = []

    def remember(_: nn.Module, args: Any, output: Any) -> None:
        calls.append((args, output))

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(remember).remove)
        yield calls
