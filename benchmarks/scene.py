"""One photo as the network sees it while it restores: images and texts read, a target ready for the flow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from uare import prompts
from uare.cache import ContextCache
from uare.config import SamplingConfig
from uare.decoding import read
from uare.encoding import encode_tokens
from uare.flow import GuidedContext
from uare.model import UAREModel
from uare.packing import CleanLatent, Item, NoisedLatent, Text
from uare.patches import vision_item
from uare.schedule import draw_noise
from uare.tokenizer import TextTokenizer

ANALYSIS_LEN = 120  # tokens of a usual analysis of the default model


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a flow step needs."""

    model: UAREModel
    images: list[Item]
    texts: list[Item]
    full: ContextCache
    text_free: ContextCache
    image_free: ContextCache
    target: NoisedLatent

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of latent tokens."""
        return self.target.grid

    def sampling(self, num_steps: int, guidance: float = 1.0) -> SamplingConfig:
        """The model's sampling with another number of steps and one scale for both kinds of guidance."""
        return replace(
            self.model.config.sampling, num_steps=num_steps, text_scale=guidance, image_scale=guidance
        )

    @property
    def guided(self) -> GuidedContext:
        return GuidedContext(full=self.full, text_free=self.text_free, image_free=self.image_free)


@torch.no_grad()
def build_scene(
    model: UAREModel, photo: Tensor, instruction: Sequence[int], analysis: Sequence[int]
) -> Scene:
    """Reads a photo (3, H, W) in [0, 1], sides divisible by 16, with two texts, given as ids."""
    stride, patch = model.config.latent.stride_px, model.config.latent.patch_size
    grid = (photo.shape[-2] // stride, photo.shape[-1] // stride)
    latent = encode_tokens(model.codec, photo[None].to(model.device), patch=patch)[0].cpu()
    images: list[Item] = [
        CleanLatent(tokens=latent, grid=grid),
        vision_item(photo, model.config, model.config.vision_transform),
    ]
    texts: list[Item] = [Text(ids=tuple(instruction)), Text(ids=tuple(analysis))]
    seen = read(model, [images])
    return Scene(
        model=model,
        images=images,
        texts=texts,
        full=read(model, [texts], seen),
        text_free=seen,
        image_free=read(model, [texts]),
        target=NoisedLatent(
            tokens=draw_noise(tuple(latent.shape), [0])[0], grid=grid, timestep=1.0, base=latent
        ),
    )


def usual_texts(tokenizer: TextTokenizer) -> tuple[list[int], list[int]]:
    """Ids of an instruction and of an analysis of usual length."""
    sentence = tokenizer.encode(prompts.ANALYSE_QUESTION)
    repeats = -(-ANALYSIS_LEN // len(sentence))
    return tokenizer.encode(prompts.ANALYSE_THEN_RESTORE), (sentence * repeats)[:ANALYSIS_LEN]
