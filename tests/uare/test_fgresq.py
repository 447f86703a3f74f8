"""The released FGResQ, reproduced from its files: every record of every `fgresq-tiny-*` folder.

`UARE_GOLDENS` names the directory of the folders, or one of them. Tolerances are those of the recordings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from uare.checkpoints.fgresq import read_fgresq
from uare.errors import CheckpointError
from uare.experts.comparison import SCORE_SCALE
from uare.images import load_photo
from uare.judge import Judge, load_fgresq, load_judge, save_judge
from uare.judge_views import clip_view
from uare.opencv_resize import resize_bilinear

FEATURES = {"atol": 5e-5, "rtol": 1e-4}  # of features and logits
SCORES = {"atol": 1e-5, "rtol": 0.0}  # of scores and probabilities


@dataclass(frozen=True)
class Golden:
    """One recording."""

    folder: Path

    @cached_property
    def expected(self) -> dict[str, Any]:
        return json.loads((self.folder / "expected.json").read_text(encoding="utf-8"))

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        return load_file(self.folder / "expected.safetensors")

    @property
    def main(self) -> Path:
        return self.folder / "weights" / "FGResQ.pth"

    @property
    def num_heads(self) -> int:
        return self.expected["config"]["num_attention_heads"]

    @cached_property
    def judge(self) -> Judge:
        return load_fgresq(self.main, num_heads=self.num_heads)

    @property
    def names(self) -> list[str]:
        return list(self.expected["singles"])

    def view(self, name: str) -> Tensor:
        return clip_view(load_photo(self.folder / "images" / f"{name}.png"))


@pytest.fixture(scope="module")
def goldens(goldens_dir: Path) -> list[Golden]:
    named = [goldens_dir] if goldens_dir.name.startswith("fgresq-tiny-") else []
    folders = named or sorted(goldens_dir.glob("fgresq-tiny-*"))
    if not folders:
        pytest.skip(f"no folder fgresq-tiny-* in {goldens_dir}")
    return [Golden(folder) for folder in folders]


@pytest.fixture(scope="module")
def golden(goldens: list[Golden]) -> Golden:
    return goldens[0]


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def close(ours: Tensor, recorded: Any, tolerance: Any) -> None:
    wanted = torch.as_tensor(recorded, dtype=torch.float64)
    torch.testing.assert_close(ours.detach().double().reshape(wanted.shape), wanted, **tolerance)


def test_pictures_are_resized_level_by_level_as_opencv_does(goldens: list[Golden]) -> None:
    for golden in goldens:
        for file in sorted((golden.folder / "resized").glob("*.png")):
            photo = load_photo(golden.folder / "images" / file.name)
            pixels = (photo.pixels * 255).round().byte().permute(1, 2, 0).numpy()
            recorded = np.asarray(Image.open(file).convert("RGB"))
            np.testing.assert_array_equal(resize_bilinear(pixels, (256, 256)), recorded, err_msg=file.name)


def test_the_input_of_the_network_is_the_recorded_one(goldens: list[Golden]) -> None:
    for golden in goldens:
        recorded = [key for key in golden.tensors if key.endswith(".preprocessed")]
        assert recorded, "the recording holds no input of the network"
        for key in recorded:
            close(golden.view(key.partition(".")[0]), golden.tensors[key], {"atol": 1e-6, "rtol": 0})


def test_the_general_tower_agrees_layer_by_layer(goldens: list[Golden]) -> None:
    for golden in goldens:
        tower = golden.judge.network.general
        names = {key.partition(".hidden.")[0] for key in golden.tensors if ".hidden." in key}
        assert names, "the recording holds no hidden states"
        for name in names:
            x = tower.pre_layrnorm(tower.embeddings(golden.view(name)[None]))  # type: ignore[operator]
            states = [x]
            for layer in tower.encoder.layers:  # type: ignore[union-attr]
                states.append(layer(states[-1]))
            for key in [key for key in golden.tensors if key.startswith(f"{name}.hidden.")]:
                close(states[int(key.rpartition(".")[2])], golden.tensors[key], FEATURES)
            close(states[-1][0, 0], golden.tensors[f"{name}.last_hidden_state.cls"], FEATURES)


def test_features_gates_and_scores_of_every_picture(goldens: list[Golden]) -> None:
    for golden in goldens:
        network = golden.judge.network
        for name, single in golden.expected["singles"].items():
            views, record = golden.view(name)[None], golden.tensors
            general, degradation = network.general(views), network.degradation(views)
            head = network.head
            close(general, record[f"{name}.F_g"], FEATURES)
            close(degradation, record[f"{name}.F_d"], FEATURES)
            close(head.gate(degradation), record[f"{name}.gate_logits"], FEATURES)
            gated = head.gate(degradation).softmax(-1) * head.prompt
            close(gated, record[f"{name}.gated_prompt"], FEATURES)
            close(head.prompt_features(degradation), record[f"{name}.F_p"], FEATURES)
            close(network(views), record[f"{name}.F_q"], FEATURES)
            logits = head.score_logits(network(views))
            close(logits, record[f"{name}.score_logit"], FEATURES)
            close(logits, single["score_logit"], FEATURES)
            close(torch.sigmoid(SCORE_SCALE * logits), single["score"], SCORES)


def test_every_recorded_pair_in_the_order_given(goldens: list[Golden]) -> None:
    for golden in goldens:
        judge = golden.judge
        photos = {name: load_photo(golden.folder / "images" / f"{name}.png") for name in golden.names}
        encodings = {name: judge.encode(photo) for name, photo in photos.items()}
        for pair in golden.expected["pairs"]:
            first, second = pair["first"], pair["second"]
            logits = encodings[first].as_a + encodings[second].as_b
            close(logits, pair["logits"], FEATURES)
            if f"pair.{first}.{second}.logits" in golden.tensors:
                close(logits, golden.tensors[f"pair.{first}.{second}.logits"], FEATURES)
            a, b, equal = judge.compare(photos[first], photos[second], both_orders=False)
            close(torch.tensor([b, a, equal]), pair["probs"], SCORES)
            assert int(torch.tensor([b, a, equal]).argmax()) == pair["argmax"]
            scores = torch.tensor([encodings[first].score, encodings[second].score])
            close(scores, [pair["score_first"], pair["score_second"]], SCORES)


def test_both_orders_make_it_symmetric_and_the_same_pixels_equal(golden: Golden) -> None:
    photos = [load_photo(golden.folder / "images" / f"{name}.png") for name in golden.names[:2]]
    a, b, equal = golden.judge.compare(*photos)
    assert golden.judge.compare(*photos[::-1]) == (b, a, equal)
    assert a + b + equal == pytest.approx(1, abs=1e-12)
    given = golden.judge.compare(*photos, both_orders=False)
    back = golden.judge.compare(*photos[::-1], both_orders=False)
    assert a == pytest.approx((given[0] + back[1]) / 2)
    assert golden.judge.compare(photos[0], photos[0]) == (0, 0, 1)
    assert golden.judge.compare(photos[0], photos[0], both_orders=False) != (0, 0, 1)


def _rewritten(golden: Golden, folder: Path, change: Any) -> Path:
    """The recording's main file after `change`, in a folder without the second file."""
    file = folder / "FGResQ.pth"
    torch.save(change(torch.load(golden.main, weights_only=True)), file)
    return file


def _plain(content: dict[str, Any]) -> dict[str, Tensor]:
    for wrapper in ("model", "state_dict"):
        content = content.get(wrapper, content)
    return {name.removeprefix("module."): weight for name, weight in content.items()}


def test_without_its_degradation_tower_the_second_file_serves(goldens: list[Golden], tmp_path: Path) -> None:
    for golden in goldens:
        scores = golden.expected.get("singles_when_main_file_lacks_task_cls_clip", {})
        file = _rewritten(
            golden,
            tmp_path,
            lambda content: {k: v for k, v in _plain(content).items() if not k.startswith("task_cls_clip")},
        )
        judge = load_fgresq(file, golden.main.with_name("Degradation.pth"), golden.num_heads)
        for name, score in scores.items():
            photo = load_photo(golden.folder / "images" / f"{name}.png")
            assert judge.encode(photo).score == pytest.approx(score, abs=SCORES["atol"])
        with pytest.raises(CheckpointError, match=r"lacks \d+ weights of the judge.*degradation\."):
            load_fgresq(file, num_heads=golden.num_heads)


@pytest.mark.parametrize("wrapper", ["model", "state_dict", None])
def test_wrapped_and_prefixed_files_give_the_same_weights(
    golden: Golden, tmp_path: Path, wrapper: str | None
) -> None:
    def wrap(content: dict[str, Any]) -> dict[str, Any]:
        weights: dict[str, Any] = {f"module.{name}": weight for name, weight in _plain(content).items()}
        weights["module.clip_model.vision_model.embeddings.position_ids"] = torch.arange(197)[None]
        return {wrapper: weights} if wrapper else weights

    plain, wrapped = read_fgresq(golden.main), read_fgresq(_rewritten(golden, tmp_path, wrap))
    assert plain.keys() == wrapped.keys()
    assert all(torch.equal(plain[name], wrapped[name]) for name in plain)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda w: {k: v for k, v in w.items() if k != "compare_head.bias"}, "lacks 1 weights.*compare.bias"),
        (lambda w: w | {"classifier.weight": torch.zeros(2)}, "holds classifier.weight, which is no weight"),
        (lambda w: w | {"head.bias": torch.tensor([torch.nan])}, "NaN or infinity"),
        (lambda w: w | {"head.bias": torch.zeros(2)}, r"shape \(2,\), expected \(1,\)"),
        (lambda w: {"weights": [1, 2]}, "no state dict"),
        (lambda w: {"head.bias": w["head.bias"]}, "lacks the general tower"),
    ],
)
def test_files_that_are_not_whole_are_refused(
    golden: Golden, tmp_path: Path, change: Any, complaint: str
) -> None:
    file = _rewritten(golden, tmp_path, lambda content: change(_plain(content)))
    with pytest.raises(CheckpointError, match=complaint):
        load_fgresq(file, num_heads=golden.num_heads)


class _Intruder:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('ran')",))


def test_a_file_that_holds_code_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"head.bias": _Intruder()}, tmp_path / "FGResQ.pth")
    with pytest.raises(CheckpointError, match="could not be read"):
        load_fgresq(tmp_path / "FGResQ.pth")
    with pytest.raises(CheckpointError, match="there is no file"):
        load_fgresq(tmp_path / "missing.pth")


def test_a_dead_gate_is_found_and_its_tower_left_out_without_a_difference(
    golden: Golden, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def kill(content: dict[str, Any]) -> dict[str, Tensor]:
        weights = _plain(content)
        return weights | {
            name: torch.zeros_like(weights[name]) for name in ("task_mlp.0.weight", "task_mlp.2.weight")
        }

    with caplog.at_level("INFO"):
        judge = load_fgresq(_rewritten(golden, tmp_path, kill), num_heads=golden.num_heads)
    assert "says nothing" in caplog.text
    network, views = judge.network, golden.view(golden.names[0])[None]
    full = network.head(network.general(views), network.degradation(views))
    network.degradation = torch.nn.Identity()  # would break the head if it were asked
    torch.testing.assert_close(network(views), full, atol=1e-6, rtol=0)
    assert not golden.judge.network.head.gate_is_constant


def test_it_is_written_as_safetensors_and_read_again(golden: Golden, tmp_path: Path) -> None:
    network = golden.judge.network
    save_judge(network, network.general.config, tmp_path)  # type: ignore[arg-type]
    again = load_judge(tmp_path, None, None).network  # type: ignore[arg-type]  # a judge with towers needs no model
    views = golden.view(golden.names[0])[None]
    assert torch.equal(again(views), network(views))
