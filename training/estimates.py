"""What a phase will need, told before it runs: tokens of its rows, memory of a process, time.

Rows are drawn by sizes alone, without a picture; the memory of weights and optimiser follows from how ZeRO
shares them; activations and time are rough.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from training.engine import deepspeed_config
from training.phases import STAGE_ONE
from training.settings import SizeSettings, TrainSettings
from uare.config import TransformConfig, UAREConfig
from uare.errors import ConfigError
from uare.info import component_of
from uare.model import UAREModel
from uare.resizing import target_size

# Sides of pictures in a data set, (height, width); most are photos and lie on their long side.
SHAPES = ((1000, 1500), (1000, 1500), (1080, 1920), (1200, 1600), (1000, 1000), (1500, 1000))
# Words, marks and controls of a sample, counted over texts that `data.texts` makes.
TEXT_TOKENS = {"restore": 8, "interleave": 88, "score": 42, "describe": 57, "compare": 42}
MARKERS = 2  # around each image
EXPERT = "restoration expert"  # of `uare.info`; as large as the other one


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What a phase is planned for."""

    gpus: int = 1  # one process each
    tflops: float = 148.0  # dense bfloat16 peak of one; the paper's H20
    mfu: float = 0.3  # share of that peak that training reaches

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.tflops <= 0 or not 0 < self.mfu <= 1:
            raise ConfigError(
                f"found {self.gpus} GPUs of {self.tflops:g} TFLOP/s at an MFU of {self.mfu:g}; expected at "
                "least one, more than 0, and 0 to 1"
            )


@dataclass(frozen=True, kw_only=True)
class RowEstimate:
    """Tokens of a row, over many that were drawn."""

    mean: float
    longest: int
    text: float  # of the mean, those of texts
    views: float  # of the mean, those of ViT patches


def draw_rows(settings: TrainSettings, config: UAREConfig, num_rows: int = 1000) -> RowEstimate:
    """Fills rows as `data.rows` does, with sizes in place of pictures; the same every time."""
    rng = random.Random(0)
    groups = list(settings.data.groups.values())
    lens, text, views = [], 0, 0
    for _ in range(num_rows):
        length = 0
        crops = settings.data.size.crops_px
        side = rng.choice(crops) if crops else None
        while length < settings.data.tokens_per_row:
            group = rng.choices(groups, [one.weight for one in groups])[0]
            size = (side, side) if side else _size(settings.data.size, config, rng)
            if group.task in ("restore", "interleave"):
                stays = [rng.random() >= settings.loss.dropout for _ in range(2)]
                latent = MARKERS + size[0] * size[1] // config.latent.stride_px**2
                viewed = stays[0] * _view(size, config.vision_transform, config)
                length += latent + stays[1] * latent
            else:
                viewed = _asked_views(group.task, size, config)
            length += viewed + TEXT_TOKENS[group.task]
            text, views = text + TEXT_TOKENS[group.task], views + viewed
        lens.append(length)
    return RowEstimate(
        mean=sum(lens) / num_rows, longest=max(lens), text=text / num_rows, views=views / num_rows
    )


def _size(limits: SizeSettings, config: UAREConfig, rng: random.Random) -> tuple[int, int]:
    """Of a whole picture, as `data.scenes` scales it."""
    largest = rng.randint(limits.short_px, limits.long_px)
    form = TransformConfig(max_size=largest, min_size=limits.short_px, stride=config.latent.stride_px)
    return target_size(rng.choice(SHAPES), form)


def _asked_views(task: str, size: tuple[int, int], config: UAREConfig) -> int:
    num_images = 2 if task == "compare" else 1
    return num_images * _view(size, config.assess_transform, config, num_images)


def _view(size: tuple[int, int], limits: TransformConfig, config: UAREConfig, num_images: int = 1) -> int:
    height, width = target_size(size, limits, num_images)
    return MARKERS + height * width // config.vision.patch_size**2


@dataclass(frozen=True, kw_only=True)
class Need:
    """Memory of one process for one thing."""

    what: str
    num_bytes: float
    on_host: bool = False


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How many weights a network has."""

    network: int  # all but the codec's
    trained: int
    codec: int


def memory(
    weights: Weights, row: RowEstimate, config: UAREConfig, settings: TrainSettings, num_processes: int
) -> list[Need]:
    """Memory of one of n processes; ConfigError where the settings do not fit their number.

    With P weights of which T are trained, b bytes each (2 in bf16, else 4): weights b·P, gradients b·T,
    master weights and Adam's two moments 12·T, their average 4·T. ZeRO-1 divides what is 12·T and 4·T by n,
    ZeRO-2 the gradients too, ZeRO-3 the weights too, and then holds those that it has gathered. What is
    offloaded lies in host memory, its gradients in float32. The codec is whole on each process, in float32.
    Activations: see `activations`. Not counted: communication buffers, the codec at work, fragmentation, and
    CUDA itself.
    """
    zero = deepspeed_config(settings, num_processes)["zero_optimization"]
    stage, n = zero["stage"], num_processes
    b = 2 if settings.precision == "bf16" else 4
    optimizer_on_host, weights_on_host = (
        zero.get(part, {}).get("device", "none") != "none" for part in ("offload_optimizer", "offload_param")
    )
    trained = weights.trained / n
    needs = [
        Need(
            what="weights",
            num_bytes=b * weights.network / (n if stage == 3 else 1),
            on_host=weights_on_host,
        ),
        Need(
            what="gradients",
            num_bytes=4 * trained if optimizer_on_host else b * (trained if stage > 1 else weights.trained),
            on_host=optimizer_on_host,
        ),
        Need(what="master weights, Adam", num_bytes=12 * trained, on_host=optimizer_on_host),
        Need(what="averaged weights", num_bytes=4 * trained, on_host=optimizer_on_host),
        Need(what="codec", num_bytes=4 * weights.codec),
        Need(what="activations (estimate)", num_bytes=activations(row, config, settings)),
    ]
    if stage == 3:
        live = min(weights.network, zero.get("stage3_max_live_parameters", 1e9))  # DeepSpeed's default
        needs.insert(1, Need(what="weights gathered", num_bytes=b * live))
    return needs


def activations(row: RowEstimate, config: UAREConfig, settings: TrainSettings) -> float:
    """Bytes kept for the backward pass of the longest row of N tokens, roughly.

    A layer keeps about 8·D + 4·Dkv + 4·F numbers a token (width, keys, MLP); recomputed layers keep their
    input D, and one of them all. The unified phase adds logits in bfloat16 and float32 with their gradient,
    10 bytes for each entry of the vocabulary, and where it trains them the vision encoder's layers, 8·D + 2·F
    a patch.
    """
    sizes, vision = config.language, config.vision
    b = 4 if settings.precision == "float32" else 2
    keys = sizes.num_kv_heads * sizes.head_width
    layer = 8 * sizes.hidden_size + 4 * keys + 4 * sizes.intermediate_size
    kept = sizes.num_layers * (sizes.hidden_size if settings.recompute_layers else layer)
    total = b * row.longest * (kept + (layer if settings.recompute_layers else 0))
    if settings.phase in STAGE_ONE:
        return total
    patches, words = (row.longest * share / row.mean for share in (row.views, row.text))
    total += 10 * words * sizes.vocab_size
    encoder = vision.num_layers * (8 * vision.hidden_size + 2 * vision.intermediate_size)
    return total if settings.lora else total + b * patches * encoder


def count_expert(model: UAREModel) -> int:
    """Weights of the restoration expert, which has as many as the other one; adapters do not count."""
    return sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if component_of(name) == EXPERT and "lora_" not in name
    )


def operations(
    iqa_tokens: float, latent_tokens: float, expert_weights: int, settings: TrainSettings
) -> float:
    """Floating-point operations of training on tokens of each expert.

    A token meets the weights of its expert, and each takes 2 operations forward, 2 for the gradient of what
    came in and 2 for its own where it is trained itself. Attention, encoders, head, adapters and what is
    recomputed are left out, so that shares of the peak come out too low rather than too high.
    """
    trained = 4 if settings.lora else 6
    frozen = 2 if settings.detach_frozen else 4
    iqa = frozen if settings.phase in STAGE_ONE else trained
    return expert_weights * (iqa * iqa_tokens + trained * latent_tokens)


def duration_s(num_operations: float, cluster: Cluster) -> float:
    """Seconds for so many floating-point operations."""
    return num_operations / (cluster.gpus * cluster.tflops * 1e12 * cluster.mfu)
