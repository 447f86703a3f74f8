"""Cached examples for the detail path: what it will see in use, and the picture it should give.

Making D(z) needs the whole restoration, which is dear, so examples are made once and kept in `*.safetensors`
files; here they are written, read, balanced over kinds and cut to crops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS

CLEAN = -1  # kind of an example whose LQ is the photo itself
CLEAN_SHARE = 0.1  # of every batch: a clean photo must come back as itself
MISSED_SHARE = 0.15  # of the harmed: their D(z) is D(E(LQ)), as where the network overlooks a harm
HELD_OUT_EVERY = 32  # every 32nd example of a kind is for evaluation
PICTURES = ("lq", "decoded", "lq_decoded", "hq")


@dataclass(frozen=True, kw_only=True)
class DetailExamples:
    """n examples of one size; pictures are (n, 3, H, W), uint8 in files and float32 in [0, 1] in batches."""

    lq: Tensor  # the input
    decoded: Tensor  # D(z), the restored latent decoded
    lq_decoded: Tensor  # D(E(LQ))
    hq: Tensor  # what should come out
    kind: Tensor  # (n,) int64: index into DEGRADATIONS, larger for mixtures, CLEAN for clean photos

    def __post_init__(self) -> None:
        shapes = {name: tuple(getattr(self, name).shape) for name in PICTURES}
        if len(set(shapes.values())) != 1 or self.lq.ndim != 4 or self.kind.shape != self.lq.shape[:1]:
            raise InputError(
                f"detail examples have shapes {shapes} and kinds {tuple(self.kind.shape)}, expected one "
                "shape (n, 3, H, W) for all pictures and (n,) kinds; write them with write_shard"
            )

    def to(self, device: torch.device) -> DetailExamples:
        """The same examples on a device."""
        pictures = {name: getattr(self, name).to(device) for name in PICTURES}
        return DetailExamples(kind=self.kind.to(device), **pictures)


def kind_name(kind: int) -> str:
    """A kind in words, for reports."""
    words = list(DEGRADATIONS)
    if kind == CLEAN:
        return "clean"
    return words[kind] if kind < len(words) else f"mixed {kind}"


def write_shard(path: Path, examples: DetailExamples) -> None:
    """Writes examples with pictures as uint8; float pictures are clamped to [0, 1] and rounded."""
    tensors = {"kind": examples.kind.to(torch.int64).cpu().contiguous()}
    for name in PICTURES:
        picture: Tensor = getattr(examples, name)
        if picture.is_floating_point():
            picture = (picture.float().clamp(0, 1) * 255).round().to(torch.uint8)
        tensors[name] = picture.cpu().contiguous()
    save_file(tensors, path)


def read_shards(folder: Path) -> list[DetailExamples]:
    """All shards of a folder, ordered by name; InputError if there is none or one cannot be read."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(
            f"{folder} holds no *.safetensors, expected shards of the detail path; make them first"
        )
    shards = []
    for path in paths:
        try:
            tensors = load_file(path)
            # copied: pages that are mapped from files are read again and again
            pictures = {name: tensors[name].clone() for name in PICTURES}
            shards.append(DetailExamples(kind=tensors["kind"], **pictures))
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"cannot read detail shard {path} ({error!r}); make it again") from error
    return shards


class DetailCrops:
    """Random flipped crops of shards: a tenth clean, the rest in equal shares of the other kinds.

    The same (seed, index) always gives the same example. Every 32nd example of a kind is held out.
    """

    def __init__(self, shards: Sequence[DetailExamples], size_px: int, seed: int) -> None:
        """InputError if a shard is smaller than the crop or there are no clean or no degraded examples."""
        self.shards, self.size_px, self.seed = shards, size_px, seed
        self.rows: dict[int, list[tuple[int, int]]] = {}  # kind to (shard, row)
        self.held_out: list[tuple[int, int]] = []
        seen: Counter[int] = Counter()
        for shard_index, shard in enumerate(shards):
            if min(shard.lq.shape[-2:]) < size_px:
                raise InputError(
                    f"shard {shard_index} has pictures of {tuple(shard.lq.shape[-2:])}, below the crop "
                    f"of {size_px} px; choose a smaller crop"
                )
            for row, kind in enumerate(shard.kind.tolist()):
                seen[kind] += 1
                if seen[kind] % HELD_OUT_EVERY == 0:
                    self.held_out.append((shard_index, row))
                else:
                    self.rows.setdefault(kind, []).append((shard_index, row))
        self.degraded = sorted(kind for kind in self.rows if kind != CLEAN)
        if CLEAN not in self.rows or not self.degraded:
            raise InputError(
                f"detail shards hold kinds {sorted(self.rows)}, expected clean ({CLEAN}) and others; "
                "add examples"
            )

    def batch(self, first_index: int, count: int) -> DetailExamples:
        """Examples `first_index` to `first_index + count`, float32 crops of (size_px, size_px)."""
        return _stack([self._draw(index) for index in range(first_index, first_index + count)])

    def held_out_examples(self, most: int = 256) -> list[DetailExamples]:
        """Up to `most` held-out examples at full size, one by one; sides cut to multiples of 16."""
        examples = []
        for shard_index, row in self.held_out[:most]:
            height, width = (side // 16 * 16 for side in self.shards[shard_index].lq.shape[-2:])
            examples.append(_stack([self._cut(shard_index, row, slice(0, height), slice(0, width))]))
        return examples

    def _draw(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng((self.seed, index))
        is_clean = generator.random() < CLEAN_SHARE
        kind = CLEAN if is_clean else self.degraded[int(generator.integers(len(self.degraded)))]
        shard_index, row = self.rows[kind][int(generator.integers(len(self.rows[kind])))]
        height, width = self.shards[shard_index].lq.shape[-2:]
        top = int(generator.integers(height - self.size_px + 1))
        left = int(generator.integers(width - self.size_px + 1))
        cut = self._cut(shard_index, row, slice(top, top + self.size_px), slice(left, left + self.size_px))
        if not is_clean and generator.random() < MISSED_SHARE:
            cut["decoded"] = cut["lq_decoded"]
        if generator.random() < 0.5:
            cut = {name: value.flip(-1) if name in PICTURES else value for name, value in cut.items()}
        return cut

    def _cut(self, shard_index: int, row: int, rows: slice, columns: slice) -> dict[str, Tensor]:
        shard = self.shards[shard_index]
        pictures = {name: getattr(shard, name)[row, :, rows, columns] for name in PICTURES}
        return {**pictures, "kind": shard.kind[row]}


def _stack(cuts: Sequence[dict[str, Tensor]]) -> DetailExamples:
    """Uint8 cuts (3, H, W) of one size to float32 examples (n, 3, H, W)."""
    stacked = {name: torch.stack([cut[name] for cut in cuts]) for name in cuts[0]}
    return DetailExamples(
        kind=stacked["kind"], **{name: stacked[name].float().div_(255) for name in PICTURES}
    )
