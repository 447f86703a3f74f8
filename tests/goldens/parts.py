"""Records of the parts: tokenizer, resize rule, positions, schedules, weights, blocks, images, codec, ViT."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.goldens.folder import Golden, Report, watched
from uare.config import TransformConfig
from uare.layers import rope_tables
from uare.packing import Text, VisionImage, pack, patchify_image, table_positions
from uare.resizing import target_size
from uare.schedule import schedule


def check_tokenizer(golden: Golden, report: Report) -> None:
    record = golden.json("tokenizer_cases")
    special = golden.tokenizer.special_tokens
    ours = {
        "bos_token_id": special.text_start,
        "eos_token_id": special.text_end,
        "start_of_image": special.image_start,
        "end_of_image": special.image_end,
    }
    report.equal("special ids", ours, record["special_token_ids"])
    report.equal("entries", len(golden.tokenizer), record["len"])
    report.equal("rows of the embedding", golden.model.text.embed.num_embeddings, record["vocab_size"])
    for case in record["cases"]:
        report.equal(f"ids of {case['text']!r}", golden.ids(case["text"]), case["ids"])
        report.equal(f"text of {case['ids']}", golden.tokenizer.decode(case["ids"]), case["decoded"])
    for case in record["decode_cases"]:
        report.equal(f"text of {case['ids']}", golden.tokenizer.decode(case["ids"]), case["text"])


def check_resize_rules(golden: Golden, report: Report) -> None:
    for rule in golden.json("resize_rules"):
        limits = TransformConfig(
            **{key: rule[key] for key in ("max_size", "min_size", "stride", "max_pixels")}
        )
        size = target_size((rule["h"], rule["w"]), limits, rule["img_num"])
        report.equal(f"{rule['w']}x{rule['h']}, {limits}", size, (rule["out_h"], rule["out_w"]))


def check_position_ids(golden: Golden, report: Report) -> None:
    """The form that the release uses; its bucketed second form (`interpolate`) exists nowhere in UARE."""
    for case in golden.json("position_ids"):
        grid = (case["img_h"] // case["patch"], case["img_w"] // case["patch"])
        report.equal(f"grid {grid}", table_positions(grid, case["max_per_side"]), case["extrapolate"])


def check_schedules(golden: Golden, report: Report) -> None:
    for case in golden.json("schedules"):
        times = schedule(case["num_timesteps"] - 1, case["timestep_shift"])
        name = f"{case['num_timesteps']} times, shift {case['timestep_shift']}"
        report.close(name, times, torch.tensor(case["timesteps"]))
        report.close(f"{name}: steps", times[:-1] - times[1:], torch.tensor(case["dts"]))


def check_label_weights(golden: Golden, report: Report) -> None:
    """The reweighting `square` that UARE knows; `token` is no weight and `sample` exists nowhere in UARE."""
    for case in golden.json("len2weight"):
        if case["reduction"] != "square" or case["n"] == 0:  # an answer has at least its end marker
            continue
        labels = pack([[Text(ids=(0,) * (case["n"] - 1), loss=True)]], golden.config).labels
        assert labels is not None
        report.close(f"n = {case['n']}", labels.token_weights, torch.full((case["n"],), case["weight"]))


def check_modules(golden: Golden, report: Report) -> None:
    record, model = golden.tensors("modules"), golden.model
    language = golden.config.language
    report.close("time sinusoid", model.latent.timestep.sinusoid(record["time.t"]), record["time.sinusoid"])
    report.close("time embedding", model.latent.timestep(record["time.t"]), record["time.embedding"])
    cos, sin = rope_tables(record["rope.positions"], language.head_width, language.rope_theta)
    report.close("rope cos", cos, record["rope.cos"])
    report.close("rope sin", sin, record["rope.sin"])
    report.equal("latent tokens", golden.latent_tokens(record["patchify.latent"]), record["patchify.tokens"])

    tokens, patch = record["vit_patchify.tokens"], golden.config.vision.patch_size
    width = int(tokens[0, 3 * patch])  # pixel (row 1, column 0) of an image that counts 0, 1, 2, ...
    counting = torch.arange(tokens.numel(), dtype=torch.float32).reshape(3, -1, width)
    report.equal("ViT patches", patchify_image(counting, patch), tokens)

    features = record["connector.in"]
    places = torch.zeros(len(features), dtype=torch.int64)
    projected = model.connector(features, places) - model.connector.positions(places)
    report.close("connector", projected, record["connector.out"])


def check_images(golden: Golden, report: Report) -> None:
    for name, recorded in golden.images.items():
        kind, index = name.split(".")
        if kind == "rgb":
            continue
        ours = golden.resized(golden.images[f"rgb.{index}"], f"{kind}_t")
        report.equal(name, (ours * 255).round().int(), (recorded * 255).round().int())


@torch.no_grad()
def check_codec(golden: Golden, report: Report) -> None:
    record, codec = golden.tensors("vae"), golden.model.codec
    indexes = sorted(name.split(".")[1] for name in record if name.startswith("mean."))
    images = [golden.images[f"vae.{k}"] for k in indexes]
    for k, image in zip(indexes, images, strict=True):
        mean, logvar = codec.moments(image[None])
        report.close(f"mean {k}", mean, record[f"mean.{k}"])
        report.close(f"log variance {k}", logvar, record[f"logvar.{k}"])
        latent = codec.encode(image[None], record[f"noise.{k}"])
        report.close(f"latent {k}", latent, record[f"latent.{k}"])
        report.close(f"decoded {k}", codec.decode(latent) * 2 - 1, record[f"decoded.{k}"])
    mean, logvar = codec.moments(padded(images))
    report.close("padded mean", mean, record["padded_mean"])
    report.close("padded log variance", logvar, record["padded_logvar"])


def padded(images: list[Tensor]) -> Tensor:
    """Images in one batch, filled with grey (BAGEL's zero) right and below up to the largest sides."""
    height, width = (max(image.shape[axis] for image in images) for axis in (-2, -1))
    return torch.stack(
        [F.pad(i, (0, width - i.shape[-1], 0, height - i.shape[-2]), value=0.5) for i in images]
    )


def vision_items(golden: Golden, patches: Tensor, lens: list[int]) -> list[VisionImage]:
    """The recorded images whose patches these are (the folder does not name them)."""
    candidates = [golden.vision(image) for name, image in golden.images.items() if name[:3] in ("vit", "iqa")]
    found = []
    for part in patches.split(lens):
        fits = [item for item in candidates if item.patches.shape == part.shape]
        found.append(min(fits, key=lambda item: float((item.patches - part).abs().max())))
    return found


@torch.no_grad()
def check_vision(golden: Golden, report: Report) -> None:
    record, model = golden.tensors("vit"), golden.model
    lens = record["seqlens"].tolist()
    batch = pack([vision_items(golden, record["patches"], lens)], golden.config)
    report.close("patches", batch.patches, record["patches"])
    report.equal("positions", batch.patch_positions, record["position_ids"])
    report.equal("lengths", batch.patch_lens, lens)
    report.equal("bounds", [0, *torch.tensor(batch.patch_lens).cumsum(0).tolist()], record["cu_seqlens"])

    with watched(*model.vision.layers) as calls:
        features = model.vision(batch.patches, batch.patch_positions, batch.patch_lens)
    report.close("patch embeddings", calls[0][0][0], record["patch_embeddings"])
    for i, (_, out) in enumerate(calls):
        report.close(f"layer {i}", out, record[f"encoder_layer.{i}"])
    report.equal("layers", len(calls), sum(name.startswith("encoder_layer.") for name in record))
    report.close("output", features, record["vit_output"])
    tokens = model.connector(features, batch.patch_positions)
    table = model.connector.positions(batch.patch_positions)
    report.close("connector", tokens - table, record["connector_output"])
    report.close("embeddings", tokens, record["final_embeddings"])
