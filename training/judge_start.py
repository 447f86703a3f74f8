"""What a judge starts from: a new head over frozen features, or FGResQ's towers with the weights of CLIP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.judge_loop import Views
from training.judge_pairs import TRAIN, PairTable
from training.judge_settings import ClipSettings, JudgeSettings, PooledSettings
from training.judge_views import of_files, of_table, own_texts, pooled_features, sentences
from uare.checkpoints.folders import find_folder, quiet_loading
from uare.errors import CheckpointError
from uare.experts.clip import ClipTower, TowerConfig
from uare.experts.comparison import ComparisonHead, JudgeNetwork, PooledBranch
from uare.judge import PooledConfig, marks_of
from uare.judge_views import pooled_width
from uare.model import UAREModel
from uare.pipeline import choose_device
from uare.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from transformers import CLIPModel

TOWER_FILE = "degradation.safetensors"  # what an alignment of towers writes


@dataclass(frozen=True, kw_only=True)
class Start:
    """All that a training needs."""

    network: JudgeNetwork
    config: PooledConfig | TowerConfig
    views: Views
    texts: Callable[[], dict[str, Tensor]]  # task -> frozen text features; asked for by an alignment only
    project: Callable[[Tensor], Tensor]  # F_d (n, d) to the width of the texts


def start(settings: JudgeSettings, table: PairTable, tell: Callable[[str], None] = print) -> Start:
    """Builds the network of a training and opens its views."""
    torch.manual_seed(settings.seed)  # of all new weights
    if settings.pooled is not None:
        return _pooled_start(settings, settings.pooled, table, tell)
    assert settings.clip is not None  # the form sees to it
    return _clip_start(settings, settings.clip, table)


def _pooled_start(
    settings: JudgeSettings, pooled: PooledSettings, table: PairTable, tell: Callable[[str], None]
) -> Start:
    folder = find_folder(pooled.model)
    model = UAREModel.from_pretrained(folder, dtype=torch.float32).eval()
    model.to(choose_device(None))
    tokenizer = TextTokenizer.from_folder(folder)
    features = pooled_features(
        model, tokenizer, table.images, pooled.most_px, settings.output / "features.safetensors", tell
    )
    config = PooledConfig(
        feature_width=pooled_width(model),
        inner_width=pooled.inner_width,
        width=pooled.width,
        most_px=pooled.most_px,
        marks=marks_of(model),
    )
    sizes = (config.feature_width, config.inner_width, config.width)
    head = ComparisonHead(config.width, settings.gate_init)
    network = JudgeNetwork(PooledBranch(*sizes), PooledBranch(*sizes), head)
    known = features[table.images_of(TRAIN)]
    std, mean = torch.std_mean(known, dim=0, correction=0)
    for branch in (network.general, network.degradation):
        assert isinstance(branch, PooledBranch)
        branch.mean.copy_(mean)
        branch.std.copy_(
            torch.where(std > 1e-6, std, torch.ones_like(std))
        )  # what never changes says nothing
    fixed = torch.randn(config.width, model.config.hidden_size) / config.width**0.5
    return Start(
        network=network,
        config=config,
        views=of_table(features),
        texts=lambda: own_texts(model, tokenizer, table.tasks),
        project=lambda degradation: degradation @ fixed,
    )


def _clip_start(settings: JudgeSettings, clip: ClipSettings, table: PairTable) -> Start:
    device = choose_device(None)
    published = _published_clip(clip.folder)
    vision: Any = published.config.vision_config  # the library's annotation allows for more kinds
    config = TowerConfig(
        width=vision.hidden_size,
        inner_width=vision.intermediate_size,
        num_layers=vision.num_hidden_layers,
        num_heads=vision.num_attention_heads,
        patch_size=vision.patch_size,
        image_size=vision.image_size,
    )
    weights = {
        name.removeprefix("vision_model."): weight
        for name, weight in published.vision_model.state_dict().items()
        if not name.endswith("position_ids")
    }
    general, degradation = ClipTower(config), ClipTower(config)
    general.load_state_dict(weights)
    degradation.load_state_dict(weights if clip.degradation is None else _aligned(clip.degradation))
    if settings.steps:
        # the paper keeps what the alignment has taught, but for the last layers
        degradation.requires_grad_(False)
        for layer in list(degradation.encoder.layers)[config.num_layers - clip.open_layers :]:
            layer.requires_grad_(True)
    general.requires_grad_(not clip.freeze_general)
    network = JudgeNetwork(general, degradation, ComparisonHead(config.width, settings.gate_init)).to(device)
    projection = published.visual_projection.weight.detach().to(device)  # (joint width, d), frozen
    return Start(
        network=network,
        config=config,
        views=of_files(table.images, device),
        texts=lambda: _clip_texts(published, clip.folder, table.tasks),
        project=lambda features: features @ projection.T,
    )


def _published_clip(folder: Path) -> CLIPModel:
    from transformers import CLIPModel

    try:
        with quiet_loading():
            loaded: Any = CLIPModel.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
            model, found = loaded
    except (OSError, ValueError, SafetensorError) as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{folder} is no folder of CLIP ({first_line:.200}); run: "
            "hf download openai/clip-vit-base-patch16 --local-dir FOLDER"
        ) from None
    if found["missing_keys"]:
        raise CheckpointError(
            f"{folder} lacks {len(found['missing_keys'])} weights of CLIP, the first is "
            f"{sorted(found['missing_keys'])[0]}; fetch it again"
        )
    return model.eval()


@torch.no_grad()
def _clip_texts(published: Any, folder: Path, tasks: Sequence[str]) -> dict[str, Tensor]:
    """Task -> CLIP's text features (joint width,), the mean over the sentences."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = {}
    for task in dict.fromkeys(tasks):
        tokens = tokenizer(sentences(task), padding=True, return_tensors="pt")
        pooled = published.text_model(**tokens).pooler_output
        features = torch.nn.functional.normalize(published.text_projection(pooled), dim=-1)
        texts[task] = features.mean(0)
    return texts


def save_tower(tower: ClipTower, folder: Path) -> None:
    """Writes an aligned degradation tower for the training of a whole judge to start from."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in tower.state_dict().items()}
    save_file(weights, folder / TOWER_FILE)


def _aligned(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / TOWER_FILE)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder / TOWER_FILE} could not be loaded ({error}); run training/judge.py with "
            "training/configs/fgresq_align.yaml first"
        ) from None
