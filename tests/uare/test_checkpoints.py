"""Model folders: ours bit for bit, BAGEL's by name and shape, and one clear sentence for each damaged one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.goldens.folder import find_goldens
from tests.uare.tiny import judged, target, text, tiny_text_tokenizer, tiny_uare_model, vision
from uare.checkpoints.bagel import CODEC_FILE, WEIGHTS_FILE, config_from_shapes, our_name, read_config
from uare.checkpoints.vae_names import to_diffusers, to_flux
from uare.config import SpecialTokens
from uare.errors import CheckpointError
from uare.model import UAREModel
from uare.packing import pack

Shapes = dict[str, tuple[int, ...]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved tiny model with its tokenizer."""
    tiny_uare_model().save_pretrained(tmp_path / "model")
    tiny_text_tokenizer().save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def bagel_folder(goldens_dir: Path, tmp_path: Path) -> Path:
    """A writable copy of a checkpoint in BAGEL's layout."""
    found = find_goldens(goldens_dir)
    if not found:
        pytest.skip(f"no golden folder bagel-tiny-* in {goldens_dir}")
    copy = tmp_path / "bagel"
    copy.mkdir()
    for file in (found[0] / "checkpoint").iterdir():
        shutil.copyfile(file, copy / file.name)
    return copy


def weights_of(model: UAREModel) -> dict[str, Tensor]:
    return dict(model.state_dict())


def assert_same_weights(first: UAREModel, second: UAREModel) -> None:
    ours, theirs = weights_of(first), weights_of(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype, name
        assert torch.equal(value, theirs[name]), name


def test_saving_and_loading_is_bit_exact(folder: Path) -> None:
    loaded = UAREModel.from_pretrained(folder)
    assert_same_weights(loaded, tiny_uare_model())
    assert loaded.config.to_dict()["language"] == tiny_uare_model().config.to_dict()["language"]
    assert not loaded.training


def test_a_model_in_shards_is_the_same_model(tmp_path: Path) -> None:
    model = tiny_uare_model()
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_same_weights(UAREModel.from_pretrained(tmp_path), model)


def test_the_position_tables_of_a_loaded_model_are_filled(folder: Path) -> None:
    loaded, made = UAREModel.from_pretrained(folder), tiny_uare_model()
    assert torch.equal(loaded.latent.positions.table, made.latent.positions.table)
    assert torch.equal(loaded.connector.positions.table, made.connector.positions.table)


def test_a_loaded_model_computes_the_same(folder: Path) -> None:
    made = tiny_uare_model()
    batch = pack([[vision(2, 2), text(5, 6, loss=True), judged(target(2, 2))]], made.config)
    with torch.no_grad():
        ours, theirs = made(batch), UAREModel.from_pretrained(folder)(batch)
    assert torch.equal(ours.velocity, theirs.velocity)
    assert torch.equal(ours.logits, theirs.logits)


def test_a_model_is_loaded_in_the_precision_asked_for(folder: Path) -> None:
    loaded = UAREModel.from_pretrained(folder, dtype=torch.bfloat16)
    assert {value.dtype for value in loaded.parameters()} == {torch.bfloat16}


def test_a_bagel_folder_is_converted_bit_for_bit(bagel_folder: Path, tmp_path: Path) -> None:
    model = UAREModel.from_pretrained(bagel_folder)
    weights = weights_of(model)
    codec = {
        f"codec.autoencoder.{n}": v for n, v in to_diffusers(load_file(bagel_folder / CODEC_FILE)).items()
    }
    network = {our_name(n): v for n, v in load_file(bagel_folder / WEIGHTS_FILE).items()}
    expected = {name: value for name, value in (network | codec).items() if name is not None}
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(weights[name], value), name
    model.save_pretrained(tmp_path / "ours")
    assert_same_weights(UAREModel.from_pretrained(tmp_path / "ours"), model)


def test_nonsense_in_the_config_json_of_a_bagel_folder_is_ignored(bagel_folder: Path) -> None:
    expected = read_config(bagel_folder).to_dict()
    (bagel_folder / "config.json").write_text('"bagel",', encoding="utf-8")
    assert read_config(bagel_folder).to_dict() == expected
    UAREModel.from_pretrained(bagel_folder)


@pytest.fixture(scope="module")
def release(goldens_dir: Path) -> dict[str, Any]:
    """Names and shapes of all tensors of BAGEL-7B-MoT."""
    file = goldens_dir / "bagel-7b-mot-tensors.json"
    if not file.is_file():
        pytest.skip(f"no {file}; set UARE_GOLDENS to the directory that holds it")
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_7b_model_has_exactly_the_names_shapes_and_counts_of_the_release(release: dict[str, Any]) -> None:
    network: Shapes = {name: tuple(shape) for name, shape in release["ema"].items()}
    codec: Shapes = {name: tuple(shape) for name, shape in release["ae"].items()}
    special = SpecialTokens(text_start=151644, text_end=151645, image_start=151652, image_end=151653)
    config = config_from_shapes(release["llm_config"], release["vit_config_file"], network, codec, special)
    with torch.device("meta"):
        model = UAREModel(config)
        flux = to_diffusers({name: torch.empty(shape) for name, shape in codec.items()})
    ours: Shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    expected: Shapes = {}
    for name, shape in network.items():
        mapped = our_name(name)
        if mapped is not None:
            assert mapped not in expected, f"two tensors become {mapped}"
            expected[mapped] = shape
    expected |= {f"codec.autoencoder.{name}": tuple(value.shape) for name, value in flux.items()}
    assert ours == expected

    totals = release["totals"]
    counts = {
        "llm_und_expert": count(ours, "mixture.iqa_norm") + count(ours, ".iqa."),
        "llm_gen_expert": count(ours, "mixture.restoration_norm") + count(ours, ".restoration."),
        "embed_tokens": count(ours, "text.embed."),
        "lm_head": count(ours, "text.head."),
        "time_embedder": count(ours, "latent.timestep."),
        "latent_in_out": count(ours, "latent.latent_"),
        "vit": count(ours, "vision."),
        "connector": count(ours, "connector."),
        "ae_total": count(ours, "codec."),
        "latent_pos_embed_fixed": model.latent.positions.table.numel(),
        "vit_pos_embed_fixed": model.connector.positions.table.numel(),
    }
    assert counts == {name: totals[name] for name in counts}
    assert config.special_tokens == special
    assert config.tile_px == 1024


def count(shapes: Shapes, part: str) -> int:
    """Parameters in tensors whose name holds `part`."""
    return sum(torch.Size(shape).numel() for name, shape in shapes.items() if part in name)


def test_the_codec_has_the_released_names_when_written_back(release: dict[str, Any]) -> None:
    flux = {name: torch.empty(shape, device="meta") for name, shape in release["ae"].items()}
    back = to_flux(to_diffusers(flux))
    assert {name: list(value.shape) for name, value in back.items()} == release["ae"]


def weights_file(folder: Path) -> Path:
    return folder / "model.safetensors"


def drop_weights(folder: Path) -> None:
    weights_file(folder).unlink()


def leave_a_pickle(folder: Path) -> None:
    weights_file(folder).unlink()
    torch.save({}, folder / "pytorch_model.bin")


def cut_weights(folder: Path) -> None:
    data = weights_file(folder).read_bytes()
    weights_file(folder).write_bytes(data[: len(data) // 2])


def cut_header(folder: Path) -> None:
    weights_file(folder).write_bytes(weights_file(folder).read_bytes()[:40])


def empty_weights(folder: Path) -> None:
    weights_file(folder).write_bytes(b"")


def replace_weight(file: Path, name: str, value: Tensor | None) -> None:
    """Writes another value for one tensor of a safetensors file; None leaves it out."""
    weights = load_file(file)
    assert name in weights
    left = {key: old for key, old in weights.items() if key != name}
    save_file(left if value is None else left | {name: value}, file, metadata={"format": "pt"})


def poison_weights(folder: Path) -> None:
    weight = load_file(weights_file(folder))["connector.fc1.weight"]
    weight[0, 0] = float("nan")
    replace_weight(weights_file(folder), "connector.fc1.weight", weight)


def lose_a_weight(folder: Path) -> None:
    replace_weight(weights_file(folder), "connector.fc1.weight", None)


def reshape_a_weight(folder: Path) -> None:
    replace_weight(weights_file(folder), "connector.fc1.weight", torch.zeros(3, 3))


def drop_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")


def put_another_models_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (drop_weights, r"no model\*\.safetensors"),
        (leave_a_pickle, r"pytorch_model\.bin, a pickle"),
        (cut_weights, "could not be loaded"),
        (cut_header, "could not be loaded"),
        (empty_weights, "could not be loaded"),
        (poison_weights, r"connector\.fc1\.weight holds NaN"),
        (lose_a_weight, r"1 weights are missing, the first is connector\.fc1\.weight"),
        (reshape_a_weight, r"connector\.fc1\.weight has shape \(3, 3\)"),
        (drop_config, r"neither config\.json"),
        (break_config, r"config\.json is not JSON"),
        (put_another_models_config, "type 'llama', expected 'uare'"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence(
    folder: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=says) as caught:
        UAREModel.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_shard_is_refused(tmp_path: Path) -> None:
    tiny_uare_model().save_pretrained(tmp_path, max_shard_size="100KB")
    lost = sorted(tmp_path.glob("model-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(CheckpointError, match=re.escape(lost.name)) as caught:
        UAREModel.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", [WEIGHTS_FILE, CODEC_FILE, "vit_config.json", "tokenizer.json"])
def test_a_bagel_folder_without_one_of_its_files_is_refused(bagel_folder: Path, lost: str) -> None:
    (bagel_folder / lost).unlink()
    with pytest.raises(CheckpointError, match=re.escape(lost)) as caught:
        UAREModel.from_pretrained(bagel_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damaged", [WEIGHTS_FILE, CODEC_FILE])
def test_a_truncated_file_of_a_bagel_folder_is_refused(bagel_folder: Path, damaged: str) -> None:
    file = bagel_folder / damaged
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=re.escape(damaged)) as caught:
        UAREModel.from_pretrained(bagel_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "name"),
    [(WEIGHTS_FILE, "llm2vae.bias"), (CODEC_FILE, "decoder.conv_out.bias")],
)
def test_a_tensor_missing_from_a_bagel_folder_is_named(bagel_folder: Path, file: str, name: str) -> None:
    replace_weight(bagel_folder / file, name, None)
    with pytest.raises(CheckpointError, match=re.escape(our_name(name) or "")) as caught:
        UAREModel.from_pretrained(bagel_folder)
    assert "\n" not in str(caught.value)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model 'nowhere/at-all'"):
        UAREModel.from_pretrained("nowhere/at-all")
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(CheckpointError, match="is a file; expected a model folder"):
        UAREModel.from_pretrained(file)
