"""What a phase trains, and what it leaves as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.uare.tiny import condition, judged, target, text, tiny_config, tiny_uare_model, vision
from training.objective import TrainingStep, count_tokens
from training.phases import is_trained, merge_adapters, prepare
from training.settings import LossSettings, TrainSettings
from uare.errors import ConfigError
from uare.model import UAREModel
from uare.packing import Item, pack

SAMPLE: list[Item] = [
    condition(2, 3),
    vision(2, 2),
    text(5, 6, 7),
    text(8, 9, loss=True),
    judged(target(2, 3, timestep=0.7)),
]
WORDS: list[Item] = [vision(2, 2, seed=9), text(5), text(11, 12, 13, 14, loss=True)]


def settings_of(phase: str = "single", **changes: Any) -> TrainSettings:
    group = {"task": "restore", "harm": "single", "weight": 1, "sets": [{"reader": "folder", "root": "p"}]}
    form = {"phase": phase, "model": "m", "output": "o", "steps": 1, "data": {"groups": {"one": group}}}
    return TrainSettings.model_validate({**form, "recompute_layers": False, **changes})


def gradients(model: UAREModel, samples: Sequence[list[Item]]) -> tuple[float, dict[str, Tensor]]:
    batch = pack(samples, tiny_config())
    counts = count_tokens([batch], torch.device("cpu"))
    loss, *_ = TrainingStep(model, LossSettings())(batch, counts.latents, counts.words)
    loss.backward()
    found = {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }
    model.zero_grad(set_to_none=True)
    return float(loss), found


def test_the_first_stage_trains_the_restoration_expert_its_ends_and_the_timestep() -> None:
    trained = {name for name, _ in tiny_uare_model().named_parameters() if is_trained(name, "multi")}
    assert {name.split(".")[0] for name in trained} == {"latent", "mixture"}
    assert all(".restoration." in name or "restoration_norm" in name for name in trained if name[0] == "m")
    assert any("timestep" in name for name in trained)


def test_the_unified_phase_trains_all_but_the_codec() -> None:
    names = [name for name, _ in tiny_uare_model().named_parameters()]
    assert {name for name in names if not is_trained(name, "unified")} == {
        name for name in names if name.startswith("codec.")
    }


def test_frozen_weights_get_no_gradient_and_trained_ones_do() -> None:
    model = tiny_uare_model()
    prepare(model, settings_of())
    _, found = gradients(model, [SAMPLE])
    assert found.keys() <= {name for name, _ in model.named_parameters() if is_trained(name, "single")}
    assert "mixture.layers.0.restoration.q_proj.weight" in found


def test_computing_layers_again_changes_neither_loss_nor_gradient() -> None:
    kept, again = tiny_uare_model(), tiny_uare_model()
    prepare(kept, settings_of("unified"))
    prepare(again, settings_of("unified", recompute_layers=True))
    (loss, expected), (other_loss, found) = (
        gradients(kept, [SAMPLE, WORDS]),
        gradients(again, [SAMPLE, WORDS]),
    )
    assert loss == other_loss
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)


def test_detaching_the_frozen_stream_keeps_the_loss_and_changes_the_gradient() -> None:
    exact, detached = tiny_uare_model(), tiny_uare_model()
    prepare(exact, settings_of())
    prepare(detached, settings_of(detach_frozen=True))
    (loss, expected), (other_loss, found) = gradients(exact, [SAMPLE]), gradients(detached, [SAMPLE])
    assert loss == other_loss
    first, last = "mixture.layers.0.restoration.v_proj.weight", "mixture.layers.1.restoration.q_proj.weight"
    assert not torch.allclose(found[first], expected[first], rtol=1e-3)  # through tokens that saw the latent
    torch.testing.assert_close(found[last], expected[last])  # nothing frozen lies behind the last layer


def test_rows_add_up_to_the_loss_and_gradient_of_one_row() -> None:
    rows = [[SAMPLE], [WORDS, WORDS], [SAMPLE, WORDS]]
    model = tiny_uare_model()
    whole_loss, whole = gradients(model, [sample for row in rows for sample in row])
    batches = [pack(row, tiny_config()) for row in rows]
    counts = count_tokens(batches, torch.device("cpu"))
    step, total = TrainingStep(model, LossSettings()), 0.0
    for batch in batches:
        loss, *_ = step(batch, counts.latents, counts.words)
        loss.backward()
        total += float(loss.detach())
    assert total == pytest.approx(whole_loss, rel=1e-5)
    for name, weight in model.named_parameters():
        if name in whole:
            assert weight.grad is not None
            torch.testing.assert_close(weight.grad, whole[name], rtol=1e-3, atol=1e-5)


def test_a_row_without_a_kind_of_label_still_uses_every_trained_weight() -> None:
    model = tiny_uare_model()
    prepare(model, settings_of("unified"))
    _, found = gradients(model, [WORDS])
    expected = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert found.keys() == expected


def test_adapters_train_beside_the_latent_ends_and_leave_the_rest() -> None:
    peft = pytest.importorskip("peft")
    assert peft
    model = tiny_uare_model()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    prepare(model, settings_of(lora={"rank": 4, "alpha": 8}))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert all("lora_" in name or name.startswith("latent.") for name in trained)
    assert any(".restoration.mlp.up_proj.lora_A" in name for name in trained)
    assert not any(".iqa." in name for name in trained)
    optimizer = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], lr=0.1)
    TrainingStep(model, LossSettings())(pack([SAMPLE], tiny_config()), 6.0, 3.0)[0].backward()
    optimizer.step()
    for name, weight in model.named_parameters():
        plain = name.replace(".base_layer", "")
        if plain in before and not plain.startswith("latent."):
            assert torch.equal(weight, before[plain]), name


def test_merged_adapters_compute_what_they_did_beside_the_weights() -> None:
    pytest.importorskip("peft")
    model = tiny_uare_model()
    names = {name for name, _ in model.named_parameters()}
    prepare(model, settings_of(lora={"rank": 4, "alpha": 8}))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # zero at first: the adapters would do nothing
                weight.normal_(std=0.1)
    batch = pack([SAMPLE], tiny_config())
    beside = model(batch).velocity
    merge_adapters(model)
    assert {name for name, _ in model.named_parameters()} == names
    torch.testing.assert_close(model(batch).velocity, beside, rtol=1e-4, atol=1e-5)


def test_adapters_of_an_expert_that_is_not_trained_are_refused() -> None:
    pytest.importorskip("peft")
    with pytest.raises(ConfigError, match="trains the restoration expert alone"):
        prepare(tiny_uare_model(), settings_of(lora={"experts": ["iqa"]}))


def test_detaching_belongs_to_the_first_stage() -> None:
    with pytest.raises(ValueError, match="unified phase freezes no expert"):
        settings_of("unified", detach_frozen=True)


def test_paths_of_sets_are_paths() -> None:
    assert settings_of().data.groups["one"].sets[0].root == Path("p")
