"""A photo's way through the network: analysis, tiles, contexts, flow, pixels.

The analysis is made once for the whole photo and read by all of its tiles. Noise is drawn for the whole photo
and cut like it, so that neighbouring tiles start alike where they overlap.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

import torch
from torch import Tensor

from uare import prompts
from uare.analysis import find_degradations, parse_analysis
from uare.assess import OnText, user_text, write_answer, write_answers
from uare.cache import ContextCache
from uare.colour import luma, match_low_frequencies, retoned
from uare.config import SamplingConfig, UAREConfig
from uare.decoding import read
from uare.encoding import decode_tokens, encode_tokens
from uare.flow import GuidedContext, sample
from uare.masks import apply_mask
from uare.model import UAREModel
from uare.options import RestoreOptions
from uare.packing import CleanLatent, NoisedLatent, Text, patchify_latent
from uare.patches import vision_item
from uare.resizing import cut_middle, resize
from uare.results import Analysis
from uare.schedule import draw_noise, noised
from uare.tiling import Box, Canvas, TilePlan, cut_tile, pad_to_multiple, plan_tiles
from uare.tokenizer import TextTokenizer

TILE_BATCH = 4  # tiles of one forward pass
OVERLAP = 1 / 8  # of a tile's side
PARTWAY = 0.6  # of the way from noise that fidelity 1 skips, for models without a detail path
RECOLOURING = ("haze", "lowlight")  # repairs that must change colours
SLIGHT, MODERATE = 1, 2  # severities: so little haze or darkness is as often the photo's own
DARK = 0.4  # luma that not even the brightest twentieth of a photo in slight low light reaches
DIM = 0.43  # mean luma that a photo in moderate low light stays below


@dataclass
class Timings:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


class Colours(Enum):
    """What the words say about harm of colours (`RECOLOURING`), which decides where colours come from."""

    SOUND = auto()  # none is named: the photo's own are kept
    HARMED = auto()  # it is named beside other harm: they are the network's
    ALONE = auto()  # nothing else is named: tones are the network's, structure is the photo's (small codecs)
    DOUBTED = auto()  # the analysis names it, and the photo does not confirm it (small codecs)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What a caller hears of a restoration as it goes on; whatever these raise ends it."""

    on_text: Callable[[str], None] | None = None  # the analysis so far
    on_step: Callable[[int, int], None] | None = None  # steps done, of how many
    on_preview: Callable[[Tensor], None] | None = None  # the photo (3, H, W) so far; changes after the call


SILENCE = Listener()


@dataclass(frozen=True, kw_only=True)
class Guide:
    """What is known of a photo beforehand."""

    analysis: str | None = None  # words that guide the restoration instead of some that the model writes
    # (1, H, W) in [0, 1]: the less, the more of the photo's own detail comes back, and of the photo itself
    strength: Tensor | None = None


UNGUIDED = Guide()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the network is told in words: the user's, and its own analysis."""

    instruction: Text
    analysis: Text | None
    colours: Colours


@torch.no_grad()
def restore_pixels(
    model: UAREModel,
    tokenizer: TextTokenizer,
    pixels: Tensor,
    options: RestoreOptions,
    listener: Listener = SILENCE,
    guide: Guide = UNGUIDED,
) -> tuple[Tensor, Analysis | None, dict[str, float]]:
    """Restores an image (3, H, W) float32 in [0, 1] of any size; returns it, the analysis, seconds by stage.

    Raises what the allocator raises when memory runs out; the pipeline answers with smaller tiles.
    """
    timings = Timings()
    sampling = options.sampling(model.config.sampling)
    tile = min(options.tile or model.config.tile_px, model.config.latent.largest_px)
    height, width = pixels.shape[-2:]
    plan = plan_tiles(height, width, tile, int(tile * OVERLAP), model.config.latent.stride_px)
    with timings.stage("analysis"):
        request, read_analysis = _ask(model, tokenizer, pixels, options, listener, guide.analysis)
    canvas = Canvas(plan)
    preview = None if listener.on_preview is None else _Preview(pixels, listener.on_preview)
    boxes = plan.boxes
    noise = _noise_like(plan, model, options.seed)
    total = sampling.num_steps * len(boxes)
    for first in range(0, len(boxes), TILE_BATCH):
        batch = boxes[first : first + TILE_BATCH]

        def report(
            step: int, decoded: Callable[[], Tensor], first: int = first, batch: Sequence[Box] = batch
        ) -> None:
            if listener.on_step is not None:
                listener.on_step(sampling.num_steps * first + (step + 1) * len(batch), total)
            if preview is not None and step + 1 < sampling.num_steps:  # the last is shown below
                preview.show(decoded(), batch)

        tiles = torch.stack([cut_tile(pixels, box) for box in batch])  # (B, 3, h, w)
        start = torch.stack([_cut_latent(noise, box, model) for box in batch])  # (B, tokens, C*4)
        strength = (
            None if guide.strength is None else torch.stack([cut_tile(guide.strength, box) for box in batch])
        )
        restored = _restore_tiles(model, tiles, start, request, options, timings, report, strength)
        for box, result in zip(batch, restored, strict=True):
            canvas.add(result, box)
        if preview is not None:
            preview.show(restored, batch)
    result = canvas.result().clamp(0, 1)
    if request.colours is Colours.ALONE:
        with timings.stage("tones"):  # of the whole photo, so that tiles cannot differ
            result = result.lerp(retoned(pixels[None], result[None])[0], _fidelity(model, options))
    if guide.strength is not None:
        result = apply_mask(pixels, result, guide.strength)
    return result, read_analysis, timings.seconds


class _Preview:
    """The photo as it stands while tiles of it are worked on."""

    def __init__(self, pixels: Tensor, on_preview: Callable[[Tensor], None]) -> None:
        self._picture = pixels.clone()  # (3, H, W)
        self._on_preview = on_preview

    def show(self, tiles: Tensor, boxes: Sequence[Box]) -> None:
        """Lays tiles (B, 3, h, w) over the picture, without what reaches beyond it, and hands it on."""
        for tile, (x0, y0, x1, y1) in zip(tiles, boxes, strict=True):
            under = self._picture[:, y0:y1, x0:x1]
            under.copy_(tile[:, : under.shape[-2], : under.shape[-1]].clamp(0, 1))
        self._on_preview(self._picture)


@torch.no_grad()
def write_analysis(
    model: UAREModel,
    tokenizer: TextTokenizer,
    pixels: Tensor,
    instruction: str | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Analysis:
    """The analysis that `restore_pixels` writes first for an image (3, H, W) and an instruction."""
    overview = _overview(pixels, model.config)
    wish = user_text(tokenizer, instruction or prompts.ANALYSE_THEN_RESTORE)
    return _written(model, tokenizer, overview, wish, on_text)


@torch.no_grad()
def write_analyses(
    model: UAREModel,
    tokenizer: TextTokenizer,
    images: Iterable[Tensor],
    instructions: Iterable[str | None],
    on_text: OnText | None = None,
) -> list[Analysis]:
    """The analyses of `write_analysis` for images (3, H, W), written at the same time."""
    contexts = [
        _read_overview(
            model,
            _overview(pixels, model.config),
            user_text(tokenizer, instruction or prompts.ANALYSE_THEN_RESTORE),
        )
        for pixels, instruction in zip(images, instructions, strict=True)
    ]
    return [parse_analysis(text) for text in write_answers(model, tokenizer, contexts, on_text)]


def _written(
    model: UAREModel,
    tokenizer: TextTokenizer,
    overview: Tensor,
    wish: Text,
    on_text: Callable[[str], None] | None,
) -> Analysis:
    """The analysis of an overview (3, h, w)."""
    return parse_analysis(write_answer(model, tokenizer, _read_overview(model, overview, wish), on_text))


def _read_overview(model: UAREModel, overview: Tensor, wish: Text) -> ContextCache:
    """The context after which an overview's analysis is written."""
    tokens = encode_tokens(model.codec, overview[None].to(model.device), patch=model.config.latent.patch_size)
    clean = CleanLatent(tokens=tokens[0].cpu(), grid=_grid(overview, model))
    view = vision_item(overview, model.config, model.config.vision_transform)
    return read(model, [[clean, view, wish]])


def _ask(
    model: UAREModel,
    tokenizer: TextTokenizer,
    pixels: Tensor,
    options: RestoreOptions,
    listener: Listener,
    given: str | None,
) -> tuple[Request, Analysis | None]:
    """The words that go with every tile, with the analysis where one is wanted."""
    if not options.analyse:
        words = options.instruction or prompts.RESTORE
        instruction = user_text(tokenizer, words)
        return Request(instruction=instruction, analysis=None, colours=_colours(model, words)), None
    words = options.instruction or prompts.ANALYSE_THEN_RESTORE
    wish = user_text(tokenizer, words)
    overview = _overview(pixels, model.config)
    if given is None:
        analysis = _written(model, tokenizer, overview, wish, listener.on_text)
    else:
        analysis = parse_analysis(given)
    is_doubted = model.detail is not None and not _recolouring(words) and _is_doubtful(analysis, overview)
    return Request(
        instruction=wish,
        # decoded and encoded again, as in training: the ids may differ from those generated
        analysis=user_text(tokenizer, analysis.text),
        colours=Colours.DOUBTED if is_doubted else _colours(model, f"{words} {analysis.quality or ''}"),
    ), analysis


def _overview(pixels: Tensor, config: UAREConfig) -> Tensor:
    """What of a photo (3, H, W) is analysed: all of it, reduced where it is too large, or its middle.

    Its sides are multiples of the latent tokens' stride.
    """
    stride = config.latent.stride_px
    largest_px = min(config.tile_px, config.analysis_px, config.latent.largest_px)
    height, width = pixels.shape[-2:]
    scale = largest_px / max(height, width)
    if scale < 1 and config.vision_transform.cuts and min(height, width) >= stride:
        return cut_middle(pixels, largest_px, stride)
    if scale < 1:
        pixels = resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    return pad_to_multiple(pixels, stride)


def _recolouring(words: str) -> dict[str, int | None]:
    """Harm that a text names whose repair changes colours, with its severity."""
    return {one.type: one.severity for one in find_degradations(words) if one.type in RECOLOURING}


def _colours(model: UAREModel, words: str) -> Colours:
    """What a text says about colours, not doubted."""
    named = {one.type for one in find_degradations(words)}
    if not named & set(RECOLOURING):
        return Colours.SOUND
    return Colours.ALONE if model.detail is not None and named <= set(RECOLOURING) else Colours.HARMED


def _is_doubtful(analysis: Analysis, overview: Tensor) -> bool:
    """Whether little harm of colours is named, and the overview (3, h, w) does not show it either."""
    found = _recolouring(analysis.quality or "")
    if not found or found.get("haze", SLIGHT) != SLIGHT:
        return False
    if "lowlight" not in found:
        return True
    brightness = luma(overview).flatten()
    if found["lowlight"] == SLIGHT:
        return float(brightness.quantile(0.95)) >= DARK
    return found["lowlight"] == MODERATE and float(brightness.mean()) >= DIM


def _restore_tiles(
    model: UAREModel,
    tiles: Tensor,
    noise: Tensor,
    request: Request,
    options: RestoreOptions,
    timings: Timings,
    on_step: Callable[[int, Callable[[], Tensor]], None],
    strength: Tensor | None,
) -> Tensor:
    """Restores tiles (B, 3, h, w) of one size from noise (B, tokens, C*4); returns such on the CPU.

    `strength` (B, 1, h, w) is what is asked for in each place, None all. `on_step(i, decoded)` hears of step
    i; `decoded()` are the tiles as they would be if it were the last.
    """
    patch, grid = model.config.latent.patch_size, _grid(tiles, model)
    sampling = options.sampling(model.config.sampling)
    fidelity = _fidelity(model, options)
    tiles = tiles.to(model.device)
    with timings.stage("encode"):
        latents = encode_tokens(model.codec, tiles, patch=patch).cpu()
    with timings.stage("context"):
        context = _contexts(model, tiles, latents, grid, request, sampling)
    start = 1.0 if model.detail is not None else 1.0 - PARTWAY * fidelity
    targets = [
        NoisedLatent(tokens=noised(latent, eps, start), grid=grid, timestep=start, base=latent)
        for latent, eps in zip(latents, noise, strict=True)
    ]

    def decoded(tokens: list[Tensor]) -> Tensor:
        return _decoded(model, tiles, latents, torch.stack(tokens), request, fidelity, strength)

    with timings.stage("flow"):
        clean = sample(model, context, targets, sampling, lambda i, x: on_step(i, lambda: decoded(x)))
    with timings.stage("decode"):
        return decoded(clean)


def _decoded(
    model: UAREModel,
    tiles: Tensor,
    latents: Tensor,
    tokens: Tensor,
    request: Request,
    fidelity: float,
    strength: Tensor | None,
) -> Tensor:
    """Pixels (B, 3, h, w) on the CPU of latent tokens (B, tokens, C*4) that were restored.

    `tiles` (B, 3, h, w) and `latents` are the photo's own.
    """
    patch, grid = model.config.latent.patch_size, _grid(tiles, model)
    if request.colours is Colours.DOUBTED:
        tokens = latents  # the photo's own colours; what it needs beside, the detail path sees for itself
    restored = decode_tokens(model.codec, tokens.to(model.device), grid, patch)
    if model.detail is not None:
        seen = decode_tokens(model.codec, latents.to(model.device), grid, patch)
        if request.colours is Colours.SOUND:
            restored = match_low_frequencies(restored, seen)
        weight = _detail_weight(fidelity, request, strength, tiles)
        restored = model.detail(tiles, restored, seen, weight)
    elif fidelity > 0 and request.colours is Colours.SOUND:
        restored = match_low_frequencies(restored, tiles)
    return restored.cpu()


def _detail_weight(
    fidelity: float, request: Request, strength: Tensor | None, like: Tensor
) -> float | Tensor:
    """Weight of the detail path, a number or a map (B, 1, h, w): what asks for little keeps its detail."""
    if request.colours is Colours.ALONE:
        return 0.0  # structure comes from the photo, whole
    return fidelity if strength is None else 1 - strength.to(like) * (1 - fidelity)


def _contexts(
    model: UAREModel,
    tiles: Tensor,
    latents: Tensor,
    grid: tuple[int, int],
    request: Request,
    sampling: SamplingConfig,
) -> GuidedContext:
    """Every tile's context, and the poorer ones that guidance needs (design: section 4).

    Without texts means neither instruction nor analysis; without images, both texts alone.
    """
    texts = [text for text in (request.instruction, request.analysis) if text is not None]
    limits = model.config.vision_transform
    images = read(
        model,
        [
            [CleanLatent(tokens=latent, grid=grid), vision_item(tile, model.config, limits)]
            for latent, tile in zip(latents, tiles.cpu(), strict=True)
        ],
    )
    full = read(model, [texts] * len(latents), images)
    image_free = read(model, [texts]).select([0] * len(latents)) if sampling.image_scale > 1 else None
    return GuidedContext(
        full=full, text_free=images if sampling.text_scale > 1 else None, image_free=image_free
    )


def _fidelity(model: UAREModel, options: RestoreOptions) -> float:
    return model.config.fidelity if options.fidelity is None else options.fidelity


def _grid(images: Tensor, model: UAREModel) -> tuple[int, int]:
    stride = model.config.latent.stride_px
    return images.shape[-2] // stride, images.shape[-1] // stride


def _noise_like(plan: TilePlan, model: UAREModel, seed: int) -> Tensor:
    """Noise (C, H/8, W/8) over all tiles of a plan, from one generator, as strong as the model expects."""
    bottom, right = plan.row_starts[-1] + plan.tile_size[0], plan.column_starts[-1] + plan.tile_size[1]
    factor = model.config.latent.downsample
    noise = draw_noise((model.config.latent.channels, bottom // factor, right // factor), [seed])[0]
    return model.config.sampling.noise_scale * noise


def _cut_latent(noise: Tensor, box: Box, model: UAREModel) -> Tensor:
    """The tokens (h·w, C*4) of the noise under a box of pixels."""
    x0, y0, x1, y1 = (side // model.config.latent.downsample for side in box)
    return patchify_latent(noise[:, y0:y1, x0:x1], model.config.latent.patch_size)
