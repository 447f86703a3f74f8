"""The training records: one packed row with its losses and gradients, and rows with dropped conditions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.goldens.folder import GRADIENT, LOSS, Golden, Report, watched
from tests.goldens.parts import padded
from uare.attention import segment_mask
from uare.checkpoints.bagel import our_name
from uare.mixture import route
from uare.model import ModelOutput, UAREModel
from uare.packing import CleanLatent, Item, NoisedLatent, Text, VisionImage, pack
from uare.schedule import noised, shifted
from uare.segments import PackedBatch

GROUPS = (  # beginning of a BAGEL name -> group of goldens/*/train.json; the experts go by `moe_gen`
    ("language_model.model.embed_tokens.", "embed_tokens"),
    ("language_model.lm_head.", "lm_head"),
    ("time_embedder.", "time_embedder"),
    ("vae2llm.", "vae2llm"),
    ("llm2vae.", "llm2vae"),
    ("vit_model.", "vit"),
    ("connector.", "connector"),
)


@dataclass(frozen=True)
class Row:
    """The recorded row as samples of items, with the name of each sample."""

    names: list[str]
    samples: list[list[Item]]


def read_row(golden: Golden) -> Row:
    """Builds the items of the row: plans from the JSON, numbers from the tensors.

    The plan does not name its texts: the recorded ids say which of the folder's texts stands in a slot, and
    that text is then encoded here.
    """
    plan, record = golden.json("train"), golden.tensors("train")
    texts = iter(recorded_texts(golden, plan, record["packed_text_ids"].tolist()))
    vision = iter(plan["vit_image_order"])
    latents = iter(latent_items(plan, record))
    samples: list[list[Item]] = []
    for sample in plan["samples"]:
        items: list[Item] = []
        for slot in sample["plan"]:
            if slot["type"] == "text":
                items.append(Text(ids=next(texts), loss=bool(slot["loss"])))
            elif slot["type"] == "vit_image":
                items.append(golden.vision(golden.images[next(vision)]))
            else:
                items.append(next(latents))
        samples.append(items)
    return Row([sample["name"] for sample in plan["samples"]], samples)


def recorded_texts(golden: Golden, plan: dict[str, Any], ids: list[int]) -> Iterator[tuple[int, ...]]:
    """Our ids of the texts of the row, in order."""
    ours = {golden.ids(text) for text in plan["texts"].values()}
    special = golden.config.special_tokens
    start = None
    for place, token in enumerate(ids):
        if token == special.text_start:
            start = place + 1
        elif token == special.text_end and start is not None:
            found = tuple(ids[start:place])
            assert found in ours, f"no text of the folder is encoded as {found}"
            start = None
            yield found


def latent_items(plan: dict[str, Any], record: dict[str, Tensor]) -> Iterator[CleanLatent | NoisedLatent]:
    """Clean and noised latents in the order of the row; raw time −inf marks the clean ones."""
    grids = [tuple(shape) for shape in plan["patchified_vae_latent_shapes"]]
    lens = [rows * columns for rows, columns in grids]
    times = shifted(record["packed_timesteps_raw"].sigmoid(), plan["timestep_shift"])
    parts = zip(
        record["packed_latent_clean"].split(lens),
        record["flow_noise"].split(lens),
        times.split(lens),
        grids,
        strict=True,
    )
    for clean, noise, time, grid in parts:
        t = float(time[0])
        if t == 0:
            yield CleanLatent(tokens=clean, grid=grid)
        else:
            yield NoisedLatent(tokens=noised(clean, noise, t), grid=grid, timestep=t, velocity=noise - clean)


def check_row_encoding(golden: Golden, report: Report) -> None:
    """Images to latents: zero-padded to the largest and encoded as one batch, as BAGEL's trainer does."""
    plan, record = golden.json("train"), golden.tensors("train")
    images = [golden.images[name] for name in plan["vae_image_order"]]
    with torch.no_grad():
        latents = golden.model.codec.encode(padded(images), record["vae_sample_noise"])
    report.close("padded latents", latents, record["padded_latent"])
    patch = golden.config.latent.patch_size
    tokens = [
        golden.latent_tokens(latent[:, : rows * patch, : columns * patch])
        for latent, (rows, columns) in zip(
            record["padded_latent"], plan["patchified_vae_latent_shapes"], strict=True
        )
    ]
    report.equal("latent tokens", torch.cat(tokens), record["packed_latent_clean"])
    times = shifted(record["packed_timesteps_raw"].sigmoid(), plan["timestep_shift"])
    report.close("shifted times", times, record["packed_timesteps_shifted"])


def compare_row(report: Report, name: str, batch: PackedBatch, recorded: dict[str, Any]) -> None:
    """Indexes, positions, segments, labels and weights of a packed row, named as BAGEL names them."""
    labels = batch.labels
    ours = {
        "sample_lens": batch.sample_lens,
        "split_lens": [segment.length for segment in batch.segments],
        "attn_modes": [segment.mode.value for segment in batch.segments],
        "packed_position_ids": batch.positions,
        "packed_text_ids": batch.token_ids,
        "packed_text_indexes": batch.token_index,
        "packed_vit_token_indexes": batch.patch_index,
        "packed_vit_position_ids": batch.patch_positions,
        "vit_token_seqlens": batch.patch_lens,
        "packed_vae_token_indexes": batch.latent_index,
        "packed_latent_position_ids": batch.latent_positions,
        "mse_loss_indexes": batch.latent_index[batch.target_index],
        "ce_loss_indexes": batch.logit_index,
        "packed_label_ids": [] if labels is None else labels.token_ids,
    }
    for key, value in ours.items():
        expected = recorded[key]
        if isinstance(expected, list) and expected and isinstance(expected[0], list):
            expected = [place for part in expected for place in part]  # one list per image
        report.equal(f"{name}{key}", value, expected)
    if labels is not None and len(recorded["ce_loss_weights"]):
        weights = torch.as_tensor(recorded["ce_loss_weights"], dtype=torch.float32)
        report.close(f"{name}ce_loss_weights", labels.token_weights, weights)


def check_row_packing(golden: Golden, report: Report) -> None:
    record = golden.tensors("train")
    batch = pack(read_row(golden).samples, golden.config)
    compare_row(report, "", batch, golden.json("train") | record)
    report.equal("length", batch.num_tokens, golden.json("train")["sequence_length"])
    report.close("timesteps", batch.timesteps, record["packed_timesteps_shifted"])
    for k in range(batch.num_samples):
        mask = segment_mask([segment for segment in batch.segments if segment.sample == k], 0)
        report.equal(f"attend.{k}", mask.int(), record[f"attend.{k}"].int())


@dataclass(frozen=True)
class Losses:
    """Losses of a row as BAGEL reduces them: CE per token, MSE per token and channel, and their sums."""

    ce_per_token: Tensor
    mse_per_channel: Tensor
    ce: Tensor
    ce_reweighted: Tensor
    mse: Tensor


def losses_of(output: ModelOutput, batch: PackedBatch) -> Losses:
    assert batch.labels is not None
    weights = batch.labels.token_weights
    ce = F.cross_entropy(output.logits, batch.labels.token_ids, reduction="none")
    mse = (output.velocity - batch.labels.velocity) ** 2
    return Losses(ce, mse, ce.mean(), (ce * weights).sum() / weights.sum(), mse.mean(-1).sum() / len(mse))


def check_row_forward(golden: Golden, report: Report) -> None:
    plan, record, model = golden.json("train"), golden.tensors("train"), golden.model
    batch = pack(read_row(golden).samples, golden.config)
    with torch.no_grad(), watched(model.mixture.layers[0]) as calls:
        output = model(batch)
        embedded = model.embed(batch, model.see(batch))
    routing = route(batch.num_tokens, batch.latent_index)
    (experts, _) = calls[0][1]
    report.close("input of the mixture", embedded, record["act.llm_input"])
    report.close("layer 0", torch.cat(experts)[routing.inverse], record["act.layer.0"])
    report.close("last hidden state", output.hidden, record["act.last_hidden_state"])
    losses = losses_of(output, batch)
    report.close("CE per token", losses.ce_per_token, record["ce_per_token"])
    report.close("MSE per channel", losses.mse_per_channel, record["mse_per_token_channel"])
    report.equal("judged tokens", losses.ce_per_token.shape[0], plan["n_ce_tokens"])
    report.equal("target tokens", losses.mse_per_channel.shape[0], plan["n_mse_tokens"])
    total = losses.mse + plan["ce_weight"] * losses.ce
    for name, value in (
        ("ce", losses.ce),
        ("ce_reweighted", losses.ce_reweighted),
        ("mse", losses.mse),
        ("total", total),
    ):
        report.close(name, value, torch.tensor(plan[name]), LOSS)


def check_row_gradients(golden: Golden, report: Report) -> None:
    plan, record, model = golden.json("train"), golden.tensors("train"), golden.model
    batch = pack(read_row(golden).samples, golden.config)
    losses = losses_of(model(batch), batch)
    gradients = gradients_of(model, losses.mse + plan["ce_weight"] * losses.ce)
    for name in sorted(name for name in record if name.startswith("grad.")):
        ours = gradients[our_name(name.removeprefix("grad.")) or ""]
        report.close(name, ours, record[name], GRADIENT)
    compare_norms(report, gradients, plan)


def check_frozen_gradients(golden: Golden, report: Report) -> None:
    """BAGEL's `freeze_und`: everything computed for understanding tokens is detached, layer by layer."""
    model = golden.model
    batch = pack(read_row(golden).samples, golden.config)
    with detached_understanding(model):
        losses = losses_of(model(batch), batch)
    gradients = gradients_of(model, losses.mse)
    compare_norms(report, gradients, golden.json("train")["freeze_und_mse_only"])


def gradients_of(model: UAREModel, loss: Tensor) -> dict[str, Tensor]:
    """Gradients by our names, zero where the loss does not reach; leaves none in the model."""
    named = dict(model.named_parameters())
    values = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros(()) if value is None else value for name, value in zip(named, values, strict=True)
    }


def compare_norms(report: Report, gradients: dict[str, Tensor], recorded: dict[str, Any]) -> None:
    """L2 norms per parameter and group; limit 1e-4 of the value plus 1e-6 of the total norm.

    Reported is the difference in units of that limit.
    """
    squares: dict[str, float] = defaultdict(float)
    total = recorded["grad_norm_groups"]["total"]

    def compare(name: str, ours: float, theirs: float) -> None:
        limit = GRADIENT * theirs + 1e-6 * total
        report.add(f"norm of {name} (share of its limit)", abs(ours - theirs) / limit, 1.0)

    for name, theirs in recorded["grad_norm_per_parameter"].items():
        norm = float(gradients[our_name(name) or ""].double().norm())
        compare(name, norm, theirs)
        squares[group_of(name)] += norm**2
        squares["total"] += norm**2
    for group, theirs in recorded["grad_norm_groups"].items():
        compare(group, math.sqrt(squares[group]), theirs)


def group_of(bagel_name: str) -> str:
    for beginning, group in GROUPS:
        if bagel_name.startswith(beginning):
            return group
    return "llm_gen" if "moe_gen" in bagel_name else "llm_und"


@contextmanager
def detached_understanding(model: UAREModel) -> Iterator[None]:
    """Cuts the graph behind all that text and ViT tokens compute, as long as it is open."""

    def cut(value: Any) -> Any:
        return tuple(part.detach() for part in value) if isinstance(value, tuple) else value.detach()

    with pytest.MonkeyPatch.context() as patch:
        for module, methods in (
            (model.text.embed, ("forward",)),
            (model.connector, ("forward",)),
            *((layer.iqa, ("project", "finish")) for layer in model.mixture.layers),
        ):
            for method in methods:
                original = getattr(module, method)
                patch.setattr(module, method, lambda *args, original=original: cut(original(*args)))
        yield


def check_dropped_conditions(golden: Golden, report: Report) -> None:
    plan, row = golden.json("train"), read_row(golden)
    may_drop = {
        sample["name"]: [bool(slot["enable_cfg"]) for slot in sample["plan"]] for sample in plan["samples"]
    }
    items = dict(zip(row.names, row.samples, strict=True))
    for title, recorded in golden.json("train_packs").items():
        name, _, kinds = title.partition("/drop_")
        batch = pack([dropped(items[name], may_drop[name], kinds)], golden.config)
        compare_row(report, f"{title}: ", batch, recorded)
        is_clean = (batch.timesteps == 0).int()
        report.equal(f"{title}: timestep_is_clean", is_clean, recorded["timestep_is_clean"])


def dropped(items: Sequence[Item], may_drop: Sequence[bool], kinds: str) -> list[Item]:
    """The items with all of some kinds dropped, such as `text_vit`, `none` or `all`."""
    names = {"text": Text, "vit": VisionImage, "vae": CleanLatent}
    chosen = tuple(names[kind] for kind in (names if kinds == "all" else kinds.split("_")) if kind in names)
    return [
        replace(item, dropped=True)
        if may and isinstance(item, chosen) and isinstance(item, (Text, VisionImage, CleanLatent))
        else item
        for item, may in zip(items, may_drop, strict=True)
    ]
