"""FGResQ trained from a CLIP folder: alignment, then the whole, on a small CLIP with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.test_judge import fine_set, run
from training.judge_pairs import table_of
from training.judge_settings import JudgeSettings
from training.judge_start import start
from uare.experts.clip import ClipTower
from uare.images import load_photo
from uare.judge import load_judge
from uare.judge_views import clip_view


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two layers in the published layout, with a tokenizer of single letters."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    entries = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": len(entries) - 2, "eos_token_id": len(entries) - 1, "pad_token_id": 0}
    text = {"vocab_size": len(entries), "max_position_embeddings": 77, **size, **ends}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=text, vision_config={**size, "image_size": 224, "patch_size": 32}, projection_dim=24
    )
    CLIPModel(config).save_pretrained(folder)
    return folder


def settings_of(folder: Path, published: Path, **changes: object) -> JudgeSettings:
    fields = {"pairs": folder / "set", "output": folder / "out", "clip": {"folder": published}, "steps": 2}
    return JudgeSettings.model_validate(fields | changes)


def test_the_towers_start_as_the_published_one(clip_folder: Path, tmp_path: Path) -> None:
    from transformers import CLIPModel

    fine = fine_set(tmp_path / "set", 3)
    begun = start(settings_of(tmp_path, clip_folder), table_of(fine, "content", 0, 0))
    image = clip_view(load_photo(fine.folder / fine.images[0].image))[None]
    published = CLIPModel.from_pretrained(clip_folder).eval()
    with torch.no_grad():
        expected = published.vision_model(pixel_values=image).pooler_output
        for tower in (begun.network.general, begun.network.degradation):
            torch.testing.assert_close(tower.cpu()(image), expected, atol=1e-5, rtol=1e-4)
        joint = published.visual_projection(expected)
        torch.testing.assert_close(begun.project(expected.to(begun.network.head.prompt)).cpu(), joint)
    texts = begun.texts()
    assert texts.keys() == {"noise"}
    assert texts["noise"].shape == (24,)


def test_only_the_last_layers_of_the_degradation_tower_are_open(clip_folder: Path, tmp_path: Path) -> None:
    fine = fine_set(tmp_path / "set", 3)
    clip = {"folder": clip_folder, "open_layers": 1, "freeze_general": True}
    network = start(settings_of(tmp_path, clip_folder, clip=clip), table_of(fine, "content", 0, 0)).network
    names = {name for name, weight in network.named_parameters() if weight.requires_grad}
    towers = {name for name in names if not name.startswith("head.")}
    assert towers
    assert all(name.startswith("degradation.encoder.layers.1.") for name in towers)
    assert {"head.prompt", "head.gate.0.weight", "head.compare.weight"} <= names


def test_both_stages_run_and_write_a_judge_that_loads(clip_folder: Path, tmp_path: Path) -> None:
    fine = fine_set(tmp_path / "set", 3)
    common = (f"pairs={tmp_path / 'set'}", f"clip.folder={clip_folder}", "pairs_per_step=4", "split=content")
    aligned, whole = tmp_path / "aligned", tmp_path / "whole"
    assert run(*common, f"output={aligned}", "align.steps=2", config="fgresq_align") == 0
    assert (
        run(
            *common,
            f"output={whole}",
            f"clip.degradation={aligned}",
            "clip.open_layers=1",
            "steps=2",
            "learning_rate=0.001",
            config="fgresq_clip",
        )
        == 0
    )
    judge = load_judge(whole, None, None)  # type: ignore[arg-type]  # towers need no model
    assert isinstance(judge.network.degradation, ClipTower)
    first = "encoder.layers.0.mlp.fc1.weight"
    tower, trained = load_file(aligned / "degradation.safetensors"), judge.network.degradation.state_dict()
    assert torch.equal(tower[first], trained[first])
    a, b = (load_photo(fine.folder / fine.images[index].image) for index in (0, 1))
    assert sum(judge.compare(a, b)) == pytest.approx(1)


def test_folders_that_are_no_clip_are_refused(
    clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine_set(tmp_path / "set", 3)
    common = (f"pairs={tmp_path / 'set'}", f"output={tmp_path / 'out'}", "split=content")
    assert run(*common, f"clip.folder={tmp_path}", config="fgresq_align") == 2
    assert "is no folder of CLIP" in capsys.readouterr().err
    assert run(*common, f"clip.folder={clip_folder}", config="fgresq_clip") == 2
    assert "degradation.safetensors could not be loaded" in capsys.readouterr().err
