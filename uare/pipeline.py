"""`UAREPipeline`: photos in, typed results out. It holds the model; each verb has its own file."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from uare.adaptive import ADAPTIVE_REGIONS, strength_map
from uare.alpha import fill_transparent
from uare.assess import OnText, assess_photo, assess_photos, score_photos
from uare.assess_regions import Segmenter, assess_regions, labels_of_masks
from uare.candidates import candidates
from uare.checkpoints.folders import DEFAULT_MODEL, find_folder
from uare.compare import compare_photos, outcome_of, weigh_photos, with_reasons
from uare.contest import all_wins
from uare.errors import InputError
from uare.images import Photo, PhotoSource, load_photo
from uare.judge import CONFIG_FILE, Judge, find_judge
from uare.masks import apply_mask, load_mask
from uare.model import UAREModel
from uare.options import MIN_TILE_PX, RestoreOptions
from uare.partition import NUM_REGIONS
from uare.restore import Guide, Listener, restore_pixels, write_analyses, write_analysis
from uare.results import Analysis, Assessment, Candidate, Comparison, Restoration, Verdict
from uare.saving import fitting_planes, fitting_samples, format_of, to_pillow
from uare.segmenter import SamSegmenter
from uare.superpixels import superpixel_regions
from uare.tokenizer import TextTokenizer

PNG = format_of(Path("any.png"))  # holds whatever a photo can have
TOGETHER = 8  # photos of a list that are assessed at the same time
T = TypeVar("T")
Photos: TypeAlias = PhotoSource | Photo
OnePhoto = TypeVar("OnePhoto", bound=Photos)  # a list of one kind is accepted as such


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A restoration at full precision: what a file is written from."""

    pixels: Tensor  # (3, H, W) float32 in [0, 1]
    photo: Photo  # the input
    result: Restoration


class UAREPipeline:
    """Assesses, compares and restores photos.

    Every verb takes a path, PIL image, NumPy array or tensor (see `uare.images.load_photo`) or a list of
    them; a list gives a list. Errors are `uare.errors.InputError` and its siblings.
    """

    def __init__(
        self,
        model: UAREModel,
        tokenizer: TextTokenizer,
        judge: Judge | None = None,
        segmenter: Segmenter = superpixel_regions,
        *,
        asks_words: bool = False,
    ) -> None:
        """`asks_words`: `compare` hears the judge and the model's own words, not the judge alone."""
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.judge = judge
        self.segmenter = segmenter
        self.asks_words = asks_words

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = DEFAULT_MODEL,
        *,
        device: str | None = None,
        dtype: str | None = None,
        judge: str | Path | None = None,
        segmenter: str | Path | None = None,
        **kwargs: Any,
    ) -> "UAREPipeline":
        """Loads a model of the package, a folder of ours or a BAGEL folder.

        `device` None takes cuda, then mps, then cpu; `dtype` None bfloat16 where the device computes in it,
        else float32. `judge` is a folder or a file of a judge (`uare.judge`); None takes that of the model's
        folder, which may have none. `segmenter` is a folder of a SAM model that divides photos into regions;
        None does it without a network. `kwargs` go to `UAREModel.from_pretrained` (`device_map`,
        `quantization_config`, ...).
        """
        chosen = choose_device(device)
        divide = superpixel_regions if segmenter is None else SamSegmenter.from_folder(segmenter, chosen)
        folder = find_folder(name)
        model = UAREModel.from_pretrained(folder, dtype=choose_dtype(dtype, chosen), **kwargs)
        if not kwargs.keys() & {"device_map", "quantization_config"}:
            model.to(chosen)  # type: ignore[arg-type]  # the library's stub loses the bound method
        tokenizer = TextTokenizer.from_folder(folder)
        if judge is None and not (folder / CONFIG_FILE).is_file():
            return cls(model, tokenizer, segmenter=divide)
        found = find_judge(folder if judge is None else Path(judge), model, tokenizer)
        found.network.to(chosen)
        return cls(model, tokenizer, found, divide, asks_words=judge is None)

    @overload
    def assess(
        self,
        photo: list[OnePhoto],
        *,
        regions: bool | Sequence[PhotoSource] = ...,
        on_text: Callable[[str], None] | None = ...,
    ) -> list[Assessment]: ...
    @overload
    def assess(
        self,
        photo: Photos,
        *,
        regions: bool | Sequence[PhotoSource] = ...,
        on_text: Callable[[str], None] | None = ...,
    ) -> Assessment: ...
    def assess(
        self,
        photo: Photos | list[Any],
        *,
        regions: bool | Sequence[PhotoSource] = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Assessment | list[Assessment]:
        """Says how good a photo is and what is wrong with it; the score does not depend on other photos.

        `regions` True also assesses the parts of the photo, each by itself; masks in its place (white inside,
        at the photo's size) say which parts, and what they leave is one more. `on_text(text so far)` hears
        the analysis as it is written, and ends the work if it raises.
        """
        if isinstance(photo, list) and not regions and on_text is None:
            groups = [photo[first : first + TOGETHER] for first in range(0, len(photo), TOGETHER)]
            return [assessment for group in groups for assessment in self.assess_together(group)]
        return _each(photo, lambda one: self._assessed(_loaded(one), regions, on_text))

    def _assessed(
        self,
        photo: Photo,
        regions: bool | Sequence[PhotoSource],
        on_text: Callable[[str], None] | None,
    ) -> Assessment:
        pixels = _pixels(photo)
        masks = [] if isinstance(regions, bool) else list(regions)
        labels = (
            labels_of_masks(masks, photo.size)
            if masks
            else self.segmenter(pixels, NUM_REGIONS)
            if regions
            else None
        )
        assessment = assess_photo(self.model, self.tokenizer, pixels, on_text)
        if labels is None:
            return assessment
        return replace(assessment, regions=assess_regions(self.model, self.tokenizer, pixels, labels))

    def assess_together(self, photos: Sequence[Photos], on_text: OnText | None = None) -> list[Assessment]:
        """What `assess` says of each photo, in less time: their analyses are written at the same time.

        The numbers are those of each photo alone, to the last digit. `on_text(i, text so far)` hears of the
        i-th photo, and ends its analysis there by returning True; the others go on.
        """
        images = (_pixels(_loaded(photo)) for photo in photos)  # one at a time in memory
        return assess_photos(self.model, self.tokenizer, images, on_text)

    def score(self, photo: Photos) -> float:
        """Only the score in [1, 5], the same as `assess(photo).score`, in a fraction of its time."""
        return score_photos(self.model, self.tokenizer, [_pixels(_loaded(photo))])[0]

    def compare(self, a: Photos, b: Photos, reference: Photos | None = None) -> Comparison:
        """Says which photo is better; `reference` is what both were made from."""
        return self.compare_together([(a, b, reference)])[0]

    def compare_together(
        self, pairs: Sequence[tuple[Photos, Photos, Photos | None]], on_text: OnText | None = None
    ) -> list[Comparison]:
        """What `compare` says of each (a, b, reference or None), their reasons written at the same time."""
        weighed = [
            weigh_photos(
                self.model,
                self.tokenizer,
                _pixels(_loaded(a)),
                _pixels(_loaded(b)),
                None if reference is None else _pixels(_loaded(reference)),
                judge=self.judge,
                asks_words=self.asks_words,
            )
            for a, b, reference in pairs
        ]
        return with_reasons(self.model, self.tokenizer, weighed, on_text)

    def prefer(self, a: Photos, b: Photos) -> tuple[float, float, float]:
        """Only the probabilities of (A better, B better, equal), in less time: a judge is asked alone."""
        first, second = _pixels(_loaded(a)), _pixels(_loaded(b))
        compared = compare_photos(
            self.model, self.tokenizer, first, second, judge=self.judge, with_text=False
        )
        return compared.probabilities

    def analyse(
        self,
        photo: Photos,
        *,
        instruction: str | None = None,
        upscale: int = 1,
        on_text: Callable[[str], None] | None = None,
    ) -> Analysis:
        """The analysis that `restore` would write first for this photo, instruction and size."""
        source = upscaled(_pixels(_loaded(photo)), RestoreOptions(upscale=upscale).upscale)
        return write_analysis(self.model, self.tokenizer, source, instruction, on_text)

    def analyse_together(
        self,
        photos: Sequence[Photos],
        *,
        instructions: Sequence[str | None],
        upscales: Sequence[int],
        on_text: OnText | None = None,
    ) -> list[Analysis]:
        """What `analyse` says of each photo, its instruction and its size, written at the same time."""
        sources = (  # one at a time in memory
            upscaled(_pixels(_loaded(photo)), factor) for photo, factor in zip(photos, upscales, strict=True)
        )
        return write_analyses(self.model, self.tokenizer, sources, instructions, on_text)

    @overload
    def restore(self, photo: list[OnePhoto], **options: Any) -> list[Restoration]: ...
    @overload
    def restore(self, photo: Photos, **options: Any) -> Restoration: ...
    def restore(self, photo: Photos | list[Any], **options: Any) -> Restoration | list[Restoration]:
        """Restores a photo; `options` are the fields of `uare.options.RestoreOptions`."""
        return _each(photo, lambda one: self.restore_photo(one, **options).result)

    def restore_photo(
        self,
        photo: Photos,
        *,
        on_step: Callable[[int, int], None] | None = None,
        on_text: Callable[[str], None] | None = None,
        on_preview: Callable[[Tensor], None] | None = None,
        analysis: str | None = None,
        **options: Any,
    ) -> Restored:
        """Restores one photo and keeps its full precision; `options` as in `restore`.

        `on_step(done, total)`, `on_text(text so far)` and `on_preview(pixels so far, (3, H, W))` report
        progress, and end the work if they raise. `analysis` are words, such as those of `analyse` after
        somebody has changed them, that guide the restoration instead of some that the model writes.
        """
        chosen = RestoreOptions(**options)
        if analysis is not None and not chosen.analyse:
            raise InputError("an analysis was given, and analyse=False asks for none; leave one of them out")
        listener = Listener(on_text=on_text, on_step=on_step, on_preview=on_preview)
        loaded = _loaded(photo)
        source = upscaled(_pixels(loaded), chosen.upscale)
        # not `source`: what a photo holds under alpha 0 is part of it
        untouched = loaded.pixels if chosen.upscale == 1 else source
        weights = None if chosen.mask is None else load_mask(chosen.mask, loaded.size)

        guide = Guide(analysis=analysis, strength=self._strength(source, chosen))
        pixels, result = self._best(source, chosen, listener, guide)
        if weights is not None:
            pixels = apply_mask(untouched, pixels, weights)
        warnings = [*loaded.warnings, *result.warnings]
        verdict = None
        started = time.perf_counter()
        if chosen.verify:
            verdict = self._judged(source, pixels)
            if verdict.outcome == "worse" and not chosen.keep_worse:
                pixels = untouched
                warnings.append("the restoration was judged worse than the input, so the input was kept")
        result = replace(
            result,
            image=_as_given(photo, loaded, pixels),
            verdict=verdict,
            warnings=tuple(warnings),
            timings=result.timings | {"verify": time.perf_counter() - started},
        )
        return Restored(pixels=pixels, photo=loaded, result=result)

    def _strength(self, source: Tensor, options: RestoreOptions) -> Tensor | None:
        """What each place (1, H, W) of a photo asks for; None: all of it, everywhere."""
        if not options.adaptive:
            return None
        labels = self.segmenter(source, ADAPTIVE_REGIONS)
        return strength_map(assess_regions(self.model, self.tokenizer, source, labels))

    def _best(
        self,
        source: Tensor,
        options: RestoreOptions,
        listener: Listener,
        guide: Guide,
    ) -> tuple[Tensor, Restoration]:
        """The best of `candidates`, by the judge where there is one, else by score."""
        tried = candidates(options)
        made = [self._restored(source, one, listener, guide) for one in tried]
        if len(made) == 1:
            return made[0]
        started = time.perf_counter()
        points = self.points([pixels for pixels, _ in made])
        order = sorted(range(len(made)), key=lambda place: -points[place])  # of equals the first
        pixels, result = made[order[0]]
        listed = tuple(
            Candidate(
                rank=1 + sum(other > points[place] for other in points),
                seed=tried[place].seed,
                fidelity=tried[place].fidelity,
                instruction=tried[place].instruction,
                analyse=tried[place].analyse,
                points=points[place],
            )
            for place in order
        )
        timings = result.timings | {"choose": time.perf_counter() - started}
        return pixels, replace(result, candidates=listed, timings=timings)

    def points(self, images: list[Tensor]) -> list[float]:
        """How good each of several restorations (3, H, W) of one photo is among them; for best-of."""
        if self.judge is None:
            return score_photos(self.model, self.tokenizer, images)
        wins = all_wins([self.judge.encode(Photo(pixels=image)) for image in images])
        # all have met all, so that the mean of their wins orders them as Bradley-Terry strengths do
        return [float(one) for one in (wins.sum(1) / (len(images) - 1)).round(9)]

    def _restored(
        self,
        source: Tensor,
        options: RestoreOptions,
        listener: Listener,
        guide: Guide,
    ) -> tuple[Tensor, Restoration]:
        """Restores with the tile asked for, and with smaller ones where memory does not suffice."""
        largest = min(options.tile or self.model.config.tile_px, self.model.config.latent.largest_px)
        tile = min(largest, max(source.shape[-2:]))  # halving what the photo does not fill would save nothing
        warnings: tuple[str, ...] = ()
        while True:
            try:
                pixels, analysis, timings = restore_pixels(
                    self.model, self.tokenizer, source, options, listener, guide
                )
                break
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if tile // 2 < MIN_TILE_PX:
                    raise InputError(
                        f"memory does not suffice even for tiles of {tile} px; close other programs or "
                        "choose another device"
                    ) from error
                tile //= 2
                options = replace(options, tile=tile)
                warnings = (f"memory did not suffice: the photo was restored in tiles of {tile} px",)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
        result = Restoration(
            image=to_pillow(pixels),
            analysis=analysis,
            verdict=None,
            seed=options.seed,
            steps=options.sampling(self.model.config.sampling).num_steps,
            timings=timings,
            warnings=warnings,
        )
        return pixels, result

    def _judged(self, before: Tensor, after: Tensor) -> Verdict:
        """The restoration against its input."""
        comparison = compare_photos(
            self.model, self.tokenizer, after, before, judge=self.judge, with_text=False
        )
        better, worse, equal = comparison.probabilities
        return Verdict(outcome=outcome_of(comparison.probabilities), probabilities=(better, worse, equal))


def choose_device(name: str | None) -> torch.device:
    """The device asked for, else cuda, mps or cpu, in this order. InputError where it is not there."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name is None:
        return torch.device(next(kind for kind, is_there in has.items() if is_there))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}; choose cuda, mps or cpu") from None
    if not has.get(device.type, False):
        raise InputError(f"device {name!r} was asked for, but there is none here; leave it out or choose cpu")
    return device


def choose_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """The dtype asked for, else bfloat16 where the device computes in it, float32 elsewhere."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name is not None:
        if name not in known:
            raise InputError(f"unknown dtype {name!r}; choose {', '.join(known)}")
        return known[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    # processors without bfloat16 units are slower in it than in float32 (measured)
    computes = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if computes else torch.float32


def is_out_of_memory(error: BaseException) -> bool:
    """True for every way in which torch says that an allocation failed."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "out of memory" in words or "not enough memory" in words or "can't allocate memory" in words
    )


def _each(photos: Photos | list[Any], verb: Callable[[Photos], T]) -> T | list[T]:
    return [verb(photo) for photo in photos] if isinstance(photos, list) else verb(photos)


def _loaded(photo: Photos) -> Photo:
    return photo if isinstance(photo, Photo) else load_photo(photo)


def _pixels(photo: Photo) -> Tensor:
    """What the network sees (3, H, W): colour filled in where the photo is transparent."""
    return fill_transparent(photo.pixels, photo.alpha)


def upscaled(pixels: Tensor, factor: int) -> Tensor:
    """The photo (3, H, W) at the size of the output, for the network to sharpen."""
    if factor == 1:
        return pixels
    enlarged = torch.nn.functional.interpolate(pixels[None], scale_factor=factor, mode="bicubic")
    return enlarged[0].clamp(0, 1)


def _as_given(given: Photos, photo: Photo, pixels: Tensor) -> Image.Image | NDArray[Any] | Tensor:
    """The restored photo as the caller's kind of image.

    Arrays and tensors come back with their layout and number type, all others as a picture of 8 bits.
    """
    if isinstance(given, Tensor):
        samples = _samples(photo, pixels, given.is_floating_point())
        planes = torch.from_numpy(samples).movedim(-1, 0)  # (C, H, W)
        planes = planes.to(given if given.is_floating_point() else given.device)
        return planes if given.ndim == 3 else planes[None]
    if isinstance(given, np.ndarray):
        samples = _samples(photo, pixels, given.dtype.kind == "f")
        samples = samples.astype(given.dtype if given.dtype.kind == "f" else samples.dtype)
        return samples[..., 0] if given.ndim == 2 else samples
    samples = _samples(replace(photo, bit_depth=8), pixels, is_float=False)
    return Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)


def _samples(photo: Photo, pixels: Tensor, is_float: bool) -> NDArray[Any]:
    """Samples (H, W, C): float32 in [0, 1], or integers of the photo's depth."""
    if not is_float:
        return fitting_samples(photo, pixels, PNG)[0]
    return np.ascontiguousarray(fitting_planes(photo, pixels, PNG)[0].permute(1, 2, 0).numpy())
