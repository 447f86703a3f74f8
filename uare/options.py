"""What a caller may choose about a restoration; checked once, here."""

from dataclasses import dataclass, replace

from uare.config import SamplingConfig
from uare.errors import InputError
from uare.images import PhotoSource

UPSCALES = (1, 2, 4)
MIN_TILE_PX = 128  # smaller tiles show too little of a photo


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """How to restore a photo; None leaves a choice to the model's configuration.

    Raises InputError for choices that make no sense.
    """

    instruction: str | None = None  # what to do, in words
    analyse: bool = True  # write an analysis first, and let it guide the restoration
    steps: int | None = None  # of the flow
    fidelity: float | None = None  # 0: all of the network's invention, 1: as close to the photo as it can
    upscale: int = 1  # output size = input size times this
    guidance_text: float | None = None  # 1 and less: none
    guidance_image: float | None = None
    tile: int | None = None  # largest side restored in one piece, in pixels
    seed: int = 0
    adaptive: bool = False  # restore each region as strongly as its own assessment asks for
    mask: PhotoSource | None = None  # white = restore; the rest stays as it is, pixel for pixel
    verify: bool = True  # compare with the input, and keep the input where the result is worse
    keep_worse: bool = False  # keep the result even then
    best_of: int = 1  # restore in so many ways (`uare.candidates`) and keep the best

    def __post_init__(self) -> None:
        if self.upscale not in UPSCALES:
            raise InputError(f"upscale must be 1, 2 or 4, found {self.upscale}")
        if self.adaptive and self.upscale > 1:
            raise InputError(
                "an adaptive restoration leaves good regions alone, and upscaling cannot; "
                "leave one of them out"
            )
        if self.mask is not None and self.upscale > 1:
            raise InputError("a mask keeps pixels as they are, which upscaling cannot; leave one of them out")
        if self.fidelity is not None and not 0 <= self.fidelity <= 1:
            raise InputError(f"fidelity must lie in 0..1, found {self.fidelity}")
        if self.tile is not None and self.tile < MIN_TILE_PX:
            raise InputError(f"tile must be at least {MIN_TILE_PX} px, found {self.tile}")
        if self.best_of < 1:
            raise InputError(f"best_of must be at least 1, found {self.best_of}")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be at least 1, found {self.steps}")

    def sampling(self, configured: SamplingConfig) -> SamplingConfig:
        """The model's sampling with these choices in place."""
        return replace(
            configured,
            num_steps=self.steps if self.steps is not None else configured.num_steps,
            text_scale=self.guidance_text if self.guidance_text is not None else configured.text_scale,
            image_scale=self.guidance_image if self.guidance_image is not None else configured.image_scale,
        )
