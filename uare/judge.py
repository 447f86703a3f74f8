"""The judge of restorations: a comparison head over our own network, or FGResQ with its two CLIP towers.

Both are one thing, `Judge`: a view of a photo, two branches over it, and the head. Ours lies as `judge.json`
and `judge.safetensors` in the folder of the model whose features it reads; FGResQ comes as published.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from uare.checkpoints.fgresq import DEGRADATION_FILE, MAIN_FILE, read_fgresq
from uare.errors import CheckpointError
from uare.experts.clip import ClipTower, TowerConfig
from uare.experts.comparison import (
    ComparisonHead,
    Encoding,
    JudgeNetwork,
    PooledBranch,
    one_order_probabilities,
    pair_probabilities,
)
from uare.images import Photo
from uare.judge_views import clip_view, pooled_view, pooled_width
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer

CONFIG_FILE, WEIGHTS_FILE = "judge.json", "judge.safetensors"
CLIP_HEAD_WIDTH = 64  # of every published CLIP tower
MARK_TOLERANCE = 1e-3  # relative; another number format moves a mark by a tenth of it

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PooledConfig:
    """Sizes of a judge over our own network, and by which weights that network is recognised."""

    feature_width: int
    inner_width: int
    width: int
    marks: dict[str, float]  # name of a weight -> mean of its magnitudes, see `marks_of`
    most_px: int | None = None  # largest side that is looked at; None: as much as for an assessment


class Judge:
    """Compares photos; each is encoded once, and a comparison of encodings costs next to nothing."""

    def __init__(self, look: Callable[[Photo], Tensor], network: JudgeNetwork) -> None:
        """`look` gives of a photo the view that the network's branches read."""
        self.look = look
        self.network = network.eval()

    def encode(self, photo: Photo) -> Encoding:
        """The encoding of one photo, in [0, 1] RGB of any size."""
        return self.network.encode(self.look(photo).to(self.network.head.prompt.device))

    def compare(self, a: Photo, b: Photo, *, both_orders: bool = True) -> tuple[float, float, float]:
        """Probabilities of (A better, B better, equal).

        The mean over both orders, so that swapping swaps exactly; the same pixels are equal without asking.
        With `both_orders=False` it is the released network's answer for the order given, whatever the pixels.
        """
        if both_orders and same_pixels(a, b):
            return (0.0, 0.0, 1.0)
        weigh = pair_probabilities if both_orders else one_order_probabilities
        a_better, b_better, equal = weigh([self.encode(a)], [self.encode(b)])[0, 0].tolist()
        return a_better, b_better, equal


def same_pixels(a: Photo, b: Photo) -> bool:
    """Whether two photos show the same, pixel by pixel."""
    if not torch.equal(a.pixels, b.pixels):
        return False
    if a.alpha is None or b.alpha is None:
        return a.alpha is b.alpha
    return torch.equal(a.alpha, b.alpha)


def new_pooled_network(config: PooledConfig) -> JudgeNetwork:
    """An untrained judge over pooled features."""
    sizes = (config.feature_width, config.inner_width, config.width)
    return JudgeNetwork(PooledBranch(*sizes), PooledBranch(*sizes), ComparisonHead(config.width))


def new_clip_network(config: TowerConfig) -> JudgeNetwork:
    """FGResQ without weights."""
    return JudgeNetwork(ClipTower(config), ClipTower(config), ComparisonHead(config.width))


def find_judge(place: Path, model: UAREModel, tokenizer: TextTokenizer) -> Judge:
    """The judge at a place: a folder with `judge.json`, or FGResQ's published files or their folder.

    Raises CheckpointError for what is none of these or does not fit the model.
    """
    if (place / CONFIG_FILE).is_file():
        return load_judge(place, model, tokenizer)
    main = place / MAIN_FILE if place.is_dir() else place
    if not main.is_file():
        raise CheckpointError(f"{place} holds no judge; expected {CONFIG_FILE} or FGResQ's {MAIN_FILE} there")
    return load_fgresq(main)


def load_judge(folder: Path, model: UAREModel, tokenizer: TextTokenizer) -> Judge:
    """A judge that `save_judge` wrote. Raises CheckpointError where it is damaged or of another model."""
    file = folder / CONFIG_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        kind = document.pop("kind")
        config = {"pooled": PooledConfig, "clip": TowerConfig}[kind](**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} does not describe a judge ({error}); write it again") from None
    if isinstance(config, TowerConfig):
        network, look = new_clip_network(config), clip_view
    else:
        _check_model(file, config, model)
        network = new_pooled_network(config)
        most_px = config.most_px

        def look(photo: Photo) -> Tensor:
            return pooled_view(model, tokenizer, photo, most_px)

    weights_file = folder / WEIGHTS_FILE
    try:
        weights = load_file(weights_file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights_file} could not be loaded ({error}); fetch it again") from None
    _fill(network, weights, weights_file)
    return Judge(look, network)


def save_judge(network: JudgeNetwork, config: PooledConfig | TowerConfig, folder: Path) -> None:
    """Writes a judge into a folder, that of its model as a rule."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = "pooled" if isinstance(config, PooledConfig) else "clip"
    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    document = json.dumps({"kind": kind, **asdict(config)}, indent=1)
    (folder / CONFIG_FILE).write_text(document + "\n", encoding="utf-8")


def load_fgresq(main: Path, degradation: Path | None = None, num_heads: int | None = None) -> Judge:
    """The published FGResQ from its `FGResQ.pth`, and `Degradation.pth` where one is named or lies beside it.

    `num_heads` is of the towers, whose files do not say it; None: as many as CLIP has for their width.
    Raises CheckpointError for files that are not FGResQ's or lack weights.
    """
    beside = main.with_name(DEGRADATION_FILE)
    weights = read_fgresq(main, degradation or (beside if beside.is_file() else None))
    network = new_clip_network(_tower_config(weights, main, num_heads))
    _fill(network, weights, main)
    if network.head.gate_is_constant:
        _log.info(
            "%s: the gate's weights are zero, so its degradation tower says nothing and is left out", main
        )
    else:
        _log.info("%s: the gate's weights are not zero, so both towers run", main)
    return Judge(clip_view, network)


def marks_of(model: UAREModel) -> dict[str, float]:
    """A few numbers that differ between models, of weights that shape the features a judge reads."""
    last = f"mixture.layers.{model.config.language.num_layers - 1}.iqa.mlp.down_proj.weight"
    weights = dict(model.named_parameters())
    names = ("vision.post_norm.weight", "connector.fc2.weight", last)
    return {name: float(weights[name].detach().float().abs().mean()) for name in names if name in weights}


def _check_model(file: Path, config: PooledConfig, model: UAREModel) -> None:
    ours = marks_of(model)
    fits = config.feature_width == pooled_width(model) and all(
        name in ours and abs(ours[name] - mark) <= MARK_TOLERANCE * abs(mark)
        for name, mark in config.marks.items()
    )
    if not fits:
        raise CheckpointError(
            f"{file} was trained on the features of another model; train it again with training/judge.py, or "
            "take the file away to compare without it"
        )


def _fill(network: JudgeNetwork, weights: dict[str, Tensor], file: Path) -> None:
    """Loads all weights. Raises CheckpointError for one that is missing, unknown or of another shape."""
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing:
        raise CheckpointError(
            f"{file} lacks {len(missing)} weights of the judge, the first is {missing[0]}; fetch it again"
        )
    if unknown:
        raise CheckpointError(f"{file} holds {unknown[0]}, which is no weight of the judge; choose another")
    for name, weight in weights.items():
        if weight.shape != expected[name].shape:
            raise CheckpointError(
                f"weight {name} of {file} has shape {tuple(weight.shape)}, expected "
                f"{tuple(expected[name].shape)}; the files do not belong together"
            )
    network.load_state_dict(weights)


def _tower_config(weights: dict[str, Tensor], file: Path, num_heads: int | None) -> TowerConfig:
    """The sizes that the shapes of a general tower tell."""
    try:
        width, _, patch_size, _ = weights["general.embeddings.patch_embedding.weight"].shape
        inner_width = len(weights["general.encoder.layers.0.mlp.fc1.weight"])
        num_positions = len(weights["general.embeddings.position_embedding.weight"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{file} lacks the general tower ({error}); choose FGResQ's {MAIN_FILE}"
        ) from None
    if num_heads is None and width % CLIP_HEAD_WIDTH:
        raise CheckpointError(
            f"{file} holds towers of width {width}, which is no multiple of {CLIP_HEAD_WIDTH}; say how many "
            "heads they have"
        )
    layers = {name.split(".")[3] for name in weights if name.startswith("general.encoder.layers.")}
    return TowerConfig(
        width=width,
        inner_width=inner_width,
        num_layers=len(layers),
        num_heads=num_heads or width // CLIP_HEAD_WIDTH,
        patch_size=patch_size,
        image_size=patch_size * round((num_positions - 1) ** 0.5),
    )
