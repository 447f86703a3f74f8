"""`UAREConfig`: everything that differs between `uare-tiny` and a BAGEL-format model.

The sections are frozen dataclasses that check themselves; code reads sizes from here and never asks which
model it runs. Reading a BAGEL folder into these sections is the business of `uare.checkpoints`.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from transformers import PreTrainedConfig

from uare.errors import ConfigError

Renorm = Literal["global", "channel", "text_channel"]


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """Sizes of the mixture: two experts of this shape around one attention (Qwen2 form)."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    rope_theta: float = 1e6
    rms_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        if self.hidden_size % (2 * self.num_heads) or self.hidden_size % 4:
            raise ConfigError(
                f"hidden_size must be a multiple of 4 and of twice num_heads, found {self.hidden_size} with "
                f"{self.num_heads} heads; choose sizes that divide"
            )
        if self.num_heads % self.num_kv_heads:
            raise ConfigError(
                f"num_heads must be a multiple of num_kv_heads, found {self.num_heads}, {self.num_kv_heads}"
            )

    @property
    def head_width(self) -> int:
        return self.hidden_size // self.num_heads


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """SigLIP encoder in NaViT fashion: any size, one table of positions."""

    hidden_size: int
    intermediate_size: int
    num_layers: int  # layers that exist and run (BAGEL's file counts one more)
    num_heads: int
    patch_size: int = 14
    table_side: int = 70  # rows and columns of the position tables
    layer_norm_eps: float = 1e-6
    texture_width: int = 0  # of what reads fixed texture statistics beside the patches; 0: none (SigLIP)


@dataclass(frozen=True, kw_only=True)
class LatentConfig:
    """Latent tokens: 2×2 patches of the codec's latents."""

    channels: int = 16
    downsample: int = 8
    patch_size: int = 2
    table_side: int = 64

    @property
    def token_width(self) -> int:
        return self.channels * self.patch_size**2

    @property
    def stride_px(self) -> int:
        """Pixels along one side of a latent token."""
        return self.downsample * self.patch_size

    @property
    def largest_px(self) -> int:
        """The longest side that the position table holds."""
        return self.table_side * self.stride_px


@dataclass(frozen=True, kw_only=True)
class TransformConfig:
    """Limits of an image before an encoder, in pixels (`uare.resizing`)."""

    max_size: int
    min_size: int
    stride: int
    max_pixels: int = 14 * 14 * 9 * 1024
    # The middle is cut out of images above the limits instead of resizing them (BAGEL): a smaller image has
    # less noise and blur, and no blocks of JPEG, for a network that has learned to see them pixel by pixel.
    cuts: bool = False


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Defaults of the flow sampler. Times run from 1 (noise) to 0; guidance acts for low < t <= high."""

    num_steps: int = 24
    timestep_shift: float = 3.0
    noise_scale: float = 1.0  # deviation of the noise that the flow was trained to start from
    text_scale: float = 4.0
    image_scale: float = 2.0
    interval: tuple[float, float] = (0.0, 1.0)
    renorm: Renorm = "text_channel"
    renorm_min: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval", tuple(self.interval))  # JSON hands over a list
        if self.num_steps < 1:
            raise ConfigError(f"num_steps must be at least 1, found {self.num_steps}")
        if self.renorm not in ("global", "channel", "text_channel"):
            raise ConfigError(f"renorm must be global, channel or text_channel, found {self.renorm!r}")
        if not 0 <= self.renorm_min <= 1:
            raise ConfigError(f"renorm_min must lie in 0..1, found {self.renorm_min}")
        if self.noise_scale < 0:
            raise ConfigError(f"noise_scale must not be negative, found {self.noise_scale}")
        if self.timestep_shift <= 0:
            raise ConfigError(f"timestep_shift must be positive, found {self.timestep_shift}")


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """Ids of the four control tokens; they enter by id only, never through user text."""

    text_start: int  # <|im_start|>
    text_end: int  # <|im_end|>
    image_start: int  # <|vision_start|>
    image_end: int  # <|vision_end|>


_SECTIONS: dict[str, type] = {
    "language": LanguageConfig,
    "vision": VisionConfig,
    "latent": LatentConfig,
    "latent_transform": TransformConfig,
    "vision_transform": TransformConfig,
    "assess_transform": TransformConfig,
    "sampling": SamplingConfig,
    "special_tokens": SpecialTokens,
}


class UAREConfig(PreTrainedConfig):
    """Configuration of `UAREModel`.

    Sections may be given as dataclasses or as dictionaries (as `config.json` holds them).
    `codec` names the latent codec and its sizes: `{"kind": "flux" | "tiny", ...}`; `detail` the sizes of the
    detail path or None; `prediction` what the network's latent output means: `velocity` (BAGEL) or `residual`
    (HQ minus LQ latent, from which velocity follows: a small model then starts as the identity).
    """

    model_type = "uare"

    language: Any = None
    vision: Any = None
    latent: Any = None
    latent_transform: Any = None
    vision_transform: Any = None
    assess_transform: Any = None
    sampling: Any = None
    special_tokens: Any = None
    codec: Any = None
    detail: Any = None
    prediction: str = "velocity"
    tile_px: int = 1024  # largest side that is restored in one piece
    analysis_px: int = 1024  # and of what is looked at to write the analysis
    fidelity: float = 0.0  # default of `restore`: 0 invents freely, 1 stays as close to the photo as it can
    describes_regions: bool = False  # whether it was trained to write of a part of a photo what it shows
    tie_word_embeddings: bool = False
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        for name, section in _SECTIONS.items():
            value = getattr(self, name)
            if isinstance(value, dict):
                try:
                    setattr(self, name, section(**value))
                except TypeError as error:
                    raise ConfigError(
                        f"section {name!r} of the configuration does not fit: {error}"
                    ) from None
        if self.prediction not in ("velocity", "residual"):
            raise ConfigError(f"prediction must be velocity or residual, found {self.prediction!r}")
        super().__post_init__(**kwargs)

    def to_dict(self) -> dict[str, Any]:
        plain = super().to_dict()
        for name in _SECTIONS:
            value = getattr(self, name)
            plain[name] = None if value is None else asdict(value)
        return plain

    @property
    def vocab_size(self) -> int:
        return self.language.vocab_size

    @property
    def hidden_size(self) -> int:
        return self.language.hidden_size

    @property
    def num_hidden_layers(self) -> int:
        return self.language.num_layers
