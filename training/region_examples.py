"""Examples for the region head: crops harmed in one region or as a whole, and what the head reads of them.

The target is 1 - severity / 5 averaged over the pixels: known here, as it never is of photos that people
scored. Regions are found on the harmed crop, as in use, while the harm was done to regions of the clean one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.degradations import TYPES, degrade_with
from data.photos import clear_names, random_crop, read_rgb
from training.region_settings import ExampleSettings
from uare.assess_regions import region_levels
from uare.experts.region_head import RegionInput
from uare.packing import pack
from uare.partition import NUM_REGIONS
from uare.patches import vision_item
from uare.pipeline import UAREPipeline
from uare.superpixels import superpixel_regions
from uare.vocabulary import SEVERITIES

NUM_LEVELS = 4  # of the vision encoder, evenly spaced


@dataclass(frozen=True, kw_only=True)
class RegionExamples:
    """Examples in memory; `given` of all of them, to be cut by `select`."""

    given: RegionInput
    targets: Tensor  # (n,) in [0, 1], 1 is unharmed
    photos: tuple[str, ...]  # which photo each is of

    def select(self, places: Tensor) -> tuple[RegionInput, Tensor]:
        """The batch at these places (B,), in float32."""
        given = self.given
        return RegionInput(
            features=tuple(level[places].float() for level in given.features),
            image=given.image[places].float(),
            masks=given.masks[places].float(),
            texts=given.texts[places],
        ), self.targets[places]

    def of(self, photos: set[str]) -> Tensor:
        """Places of the examples of these photos."""
        return torch.tensor([i for i, photo in enumerate(self.photos) if photo in photos])


def harmed_crop(clean: Tensor, settings: ExampleSettings, rng: np.random.Generator) -> tuple[Tensor, float]:
    """A clean crop (3, H, W) with a random harm in all of it or in one region, in 8 bits; and its target."""
    draw = rng.random()
    if draw < settings.clean_share:
        return clean, 1.0
    kind, severity = TYPES[int(rng.integers(len(TYPES)))], int(rng.integers(1, len(SEVERITIES) + 1))
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    harmed = degrade_with(clean[None], [[kind]], [[severity]], generator)[0][0]
    inside = torch.ones(clean.shape[-2:], dtype=torch.bool)
    if draw < settings.clean_share + settings.local_share:
        labels = superpixel_regions(clean)
        inside = torch.from_numpy(labels == int(rng.integers(labels.max() + 1)))
    harmed = torch.where(inside, harmed, clean)
    return (harmed * 255).round() / 255, 1 - float(inside.float().mean()) * severity / len(SEVERITIES)


def make_examples(pipe: UAREPipeline, settings: ExampleSettings, seed: int = 0) -> RegionExamples:
    """Draws photos and crops and computes once what the head is given; `seed` makes them the same again."""
    names = clear_names(settings.photos)
    order = np.random.default_rng(seed).permutation(len(names))[: settings.num_photos]
    parts, targets, photos = [], [], []
    for index in order.tolist():
        photo = read_rgb(settings.photos / names[index])
        if min(photo.shape[:2]) < settings.size_px:
            continue
        for repeat in range(settings.per_photo):
            rng = np.random.default_rng((seed, index, repeat))
            pixels = random_crop(photo, settings.size_px, 0.5, rng)
            clean = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
            harmed, target = harmed_crop(clean, settings, rng)
            parts.append(region_input(pipe, harmed))
            targets.append(target)
            photos.append(names[index])
    joined = RegionInput(
        features=tuple(torch.cat([part.features[i] for part in parts]) for i in range(NUM_LEVELS)),
        image=torch.cat([part.image for part in parts]),
        masks=torch.cat([part.masks for part in parts]),
        texts=torch.cat([part.texts for part in parts]),
    )
    return RegionExamples(given=joined, targets=torch.tensor(targets), photos=tuple(photos))


@torch.no_grad()
def region_input(pipe: UAREPipeline, pixels: Tensor) -> RegionInput:
    """What the head reads of one image (3, H, W), in half precision where it is large; a batch of one."""
    labels = superpixel_regions(pixels)
    levels = region_levels(pipe.model, pipe.tokenizer, pixels, labels)  # (l, 5, 5)
    masks = torch.stack([torch.from_numpy(labels == i) for i in range(NUM_REGIONS)])
    texts = F.pad(levels.flatten(1), (0, 0, 0, NUM_REGIONS - len(levels)))
    model = pipe.model
    item = vision_item(pixels, model.config, model.config.assess_transform)
    batch = pack([[item]], model.config).to(model.device)
    seen = model.vision.levels(batch.patches, batch.patch_positions, batch.patch_lens)
    chosen = [seen[(i + 1) * len(seen) // NUM_LEVELS - 1] for i in range(NUM_LEVELS)]
    return RegionInput(
        features=tuple(one.T.unflatten(1, item.grid)[None].half().cpu() for one in chosen),
        image=pixels[None].half(),
        masks=masks[None],
        texts=texts[None].float(),
    )
