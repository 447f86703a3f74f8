"""The inference records: greedy text, guided flow step by step, and analysis followed by restoration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from tests.goldens.contexts import Contexts, compare_cache
from tests.goldens.folder import ACTIVATIONS, FLOW_STATE, Golden, Report, watched
from uare.cache import ContextCache
from uare.config import SamplingConfig
from uare.decoding import generate
from uare.encoding import decode_tokens
from uare.flow import GuidedContext, acts_at, sample
from uare.packing import Item, NoisedLatent, Text, VisionImage, pack, table_positions
from uare.schedule import schedule


def answer(
    golden: Golden, report: Report, name: str, cache: ContextCache, record: dict[str, Any], logits: Tensor
) -> str:
    """Generates greedily as many tokens as were recorded, compares ids and logits, and returns the text."""
    with watched(golden.model.text.head) as calls:
        ids = generate(golden.model, cache, max_new_tokens=len(logits))[0]
    chosen = logits.argmax(-1).tolist()  # the last one may be beyond BAGEL's length limit, or the end marker
    end = golden.config.special_tokens.text_end
    report.equal(f"{name}: ids", ids, chosen[: chosen.index(end)] if end in chosen else chosen)
    start, *generated = record["generated_ids"]
    report.equal(f"{name}: start token", golden.config.special_tokens.text_start, start)
    report.equal(f"{name}: generated ids", ids[: len(generated)], generated)
    report.close(f"{name}: logits", torch.cat([output for _, output in calls]), logits)
    text = golden.tokenizer.decode(generated)
    recorded = record["text"]
    report.equal(f"{name}: text", text, recorded[0] if isinstance(recorded, list) else recorded)
    return text


def check_text_generation(golden: Golden, report: Report) -> None:
    tensors = golden.tensors("text_gen")
    for name, record in golden.json("text_gen").items():
        contexts = Contexts(golden)
        if record["image"] is not None:
            contexts.full = contexts.read(question_image(golden, record), contexts.full)
        contexts.full = contexts.read(Text(ids=golden.ids(record["prompt"])), contexts.full)
        report.equal(f"{name}: prompt", golden.ids(record["prompt"]), record["prompt_ids"])
        contexts.compare(report, name, record["updates"])
        report.equal(f"{name}: cached", contexts.full.lens, record["kv_lens"])
        report.equal(f"{name}: next position", contexts.full.next_positions, record["ropes"])
        compare_cache(report, name, contexts.full, tensors)
        answer(golden, report, name, contexts.full, record, tensors[f"{name}.logits"])


def question_image(golden: Golden, record: dict[str, Any]) -> VisionImage:
    """The ViT image of a question; which of the transforms resized it, the recorded positions say."""
    image = golden.images[record["image"]]
    places, side = record["updates"][0]["packed_vit_position_ids"], golden.config.vision.table_side
    items = [golden.vision(golden.resized(image, transform)) for transform in ("iqa_t", "vit_t")]
    return next(item for item in items if table_positions(item.grid, side).tolist() == places)


def flow_state(golden: Golden, contexts: Contexts, mode: dict[str, Any], noise: Tensor) -> Tensor:
    """Runs the sampler in a recorded mode; returns x after 0, 1, ... steps, (steps + 1, h·w, C*4)."""
    args = mode["args"]
    grid = grid_of(golden, mode)
    sampling = sampling_of(args)
    times = schedule(sampling.num_steps, sampling.timestep_shift)
    states = [noise]

    def add_state(step: int, guesses: list[Tensor]) -> None:
        """The sampler tells where each velocity leads to at time 0; x goes a part of that way."""
        share = (times[step] - times[step + 1]) / times[step]
        states.append(states[-1] + (guesses[0] - states[-1]) * share)

    sample(
        golden.model,
        GuidedContext(full=contexts.full, text_free=contexts.text_free, image_free=contexts.image_free),
        [NoisedLatent(tokens=noise, grid=grid, timestep=1.0)],
        sampling,
        on_step=add_state,
    )
    return torch.stack(states)


def grid_of(golden: Golden, mode: dict[str, Any]) -> tuple[int, int]:
    """Rows and columns of latent tokens of a mode's picture."""
    width, height = (side // golden.config.latent.stride_px for side in mode["out_size_wh"])
    return height, width


def sampling_of(args: dict[str, Any]) -> SamplingConfig:
    """BAGEL's arguments as ours. Its image guidance does nothing without text guidance, ours does."""
    acts = args["cfg_text_scale"] > 1
    return SamplingConfig(
        num_steps=args["num_timesteps"] - 1,
        timestep_shift=args["timestep_shift"],
        text_scale=args["cfg_text_scale"],
        image_scale=args["cfg_img_scale"] if acts else 1.0,
        interval=args["cfg_interval"],
        renorm=args["cfg_renorm_type"],
        renorm_min=args.get("cfg_renorm_min", 0.0),
    )


def compare_mode(
    golden: Golden,
    report: Report,
    name: str,
    mode: dict[str, Any],
    tensors: dict[str, Tensor],
    contexts: Contexts,
    states: Tensor,
) -> None:
    """Compares contexts, times, scales in force, every x and the picture of one mode."""
    grid = grid_of(golden, mode)
    sampling = sampling_of(mode["args"])
    times = schedule(sampling.num_steps, sampling.timestep_shift)[:-1]
    report.close(f"{name}: times", times, torch.tensor(mode["timesteps"]))
    acts = [acts_at(t, sampling.interval) for t in times]
    recorded_acts = [scale > 1 for scale in mode["effective_text_scale"]]
    report.equal(f"{name}: steps with guidance", [a and sampling.text_scale > 1 for a in acts], recorded_acts)
    for key, cache in (
        ("", contexts.full),
        ("cfg_text_", contexts.text_free),
        ("cfg_img_", contexts.image_free),
    ):
        position = "query_position_ids" if not key else f"{key}position"
        report.equal(f"{name}: {position}", cache.next_positions, mode[position])
        report.equal(f"{name}: {key}kv_len", cache.lens, mode[f"{key}kv_len"])
    target = NoisedLatent(tokens=states[0], grid=grid, timestep=1.0)
    query = pack([[target]], golden.config, contexts.full.next_positions)
    report.equal(f"{name}: markers", query.token_ids, mode["marker_ids"])
    report.equal(f"{name}: marker places", query.token_index, mode["marker_indexes"])
    side = golden.config.latent.table_side
    report.equal(f"{name}: table places", table_positions(grid, side), mode["latent_position_ids"])

    report.close(f"{name}: x", states, tensors[f"{name}.x"], FLOW_STATE)
    if f"{name}.image_uint8" not in tensors:
        return
    with torch.no_grad():
        patch = golden.config.latent.patch_size
        image = decode_tokens(golden.model.codec, states[-1:], grid, patch)
    if f"{name}.decoded" in tensors:
        report.close(f"{name}: decoded", image * 2 - 1, tensors[f"{name}.decoded"], ACTIVATIONS)
    truncated = (image[0].clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0)
    report.pixels(f"{name}: image", truncated, tensors[f"{name}.image_uint8"])


def check_flow(golden: Golden, report: Report) -> None:
    record, tensors = golden.json("flow"), golden.tensors("flow")
    base_record = record.pop("context")
    image = golden.image_items(golden.images[base_record["image"]], tensors["vae_sample_noise"])
    base = Contexts(golden)
    base.add_image(image)
    base.add_text(base_record["prompt"])
    base.compare(report, "context", base_record["updates"])
    report.equal("context: cached", base.full.lens, base_record["kv_lens"])
    report.equal("context: next position", base.full.next_positions, base_record["ropes"])
    compare_cache(report, "context", base.full, tensors)

    for name, mode in record.items():
        noise = noise_of(name, mode, tensors, golden)
        variants = (
            other_contexts(golden, name, mode, base_record, tensors) if "updates" in mode else iter([base])
        )
        runs = ((contexts, flow_state(golden, contexts, mode, noise)) for contexts in variants)
        recorded = tensors[f"{name}.x"]
        contexts, states = min(runs, key=lambda run: float((run[1] - recorded).abs().max()))
        if "updates" in mode:
            contexts.compare(report, name, mode["updates"])
        compare_mode(golden, report, name, mode, tensors, contexts, states)


def noise_of(name: str, mode: dict[str, Any], tensors: dict[str, Tensor], golden: Golden) -> Tensor:
    """The start of a mode: its own noise, that of `t2i_*`, or the common one, whichever the folder has."""
    own, short = f"{name}.init_noise", f"{name.split('_', 1)[0]}_init_noise"
    for key in (own, short, "init_noise"):
        if key in tensors:
            return tensors[key]
    raise KeyError(f"no initial noise for mode {name}")


def other_contexts(
    golden: Golden, name: str, mode: dict[str, Any], base: dict[str, Any], tensors: dict[str, Tensor]
) -> Iterator[Contexts]:
    """Contexts of a mode that has its own; the recorded updates say what is read in which order.

    Where the mode has images of its own, the folder does not name them: all pictures of the recorded shapes
    are tried, those of the common context first.
    """
    operations = [update["op"].rsplit("_", 1)[1] for update in mode["updates"]]
    shapes = [u["patchified_vae_latent_shapes"][0] for u in mode["updates"] if u["op"].endswith("vae")]
    noises = [
        tensors.get(f"{name}.vae_sample_noise.{i}", tensors["vae_sample_noise"]) for i in range(len(shapes))
    ]
    names = [base["image"], *sorted(image for image in golden.images if image.startswith("rgb."))]
    choices: list[list[list[Item]]] = []
    for shape, noise in zip(shapes, noises, strict=True):
        wanted = tuple(side * golden.config.latent.stride_px for side in shape)
        fits = [n for n in names if tuple(golden.resized(golden.images[n], "vae_t").shape[-2:]) == wanted]
        if len(shapes) == 1:
            fits = fits[:1]
        choices.append([golden.image_items(golden.images[n], noise) for n in fits])
    for images in product(*choices):
        contexts, left = Contexts(golden), list(images)
        texts = 0
        for operation in operations:
            if operation == "vae":
                contexts.add_image(left.pop(0))
            elif operation == "text":
                texts += 1
                if texts % 2:  # every text is read twice, for the full and for the image-free context
                    contexts.add_text(base["prompt"])
        yield contexts


def check_analyse_then_restore(golden: Golden, report: Report) -> None:
    record, tensors = golden.json("e2e"), golden.tensors("e2e")
    for name, mode in record.items():
        if not isinstance(mode, dict) or "instruction" not in mode:
            continue
        contexts = Contexts(golden)
        if "system_prompt" in mode:
            contexts.add_text(mode["system_prompt"])
        image = golden.images[mode["image"]]
        contexts.add_image(golden.image_items(image, tensors[f"{name}.vae_sample_noise"]))
        contexts.add_text(mode["instruction"])
        text = answer(golden, report, name, contexts.full, mode, tensors[f"{name}.logits"])
        report.equal(f"{name}: ids of the decoded text", golden.ids(text), mode["reencoded_ids"])
        contexts.add_answer(text)
        contexts.compare(report, name, mode.get("updates", record["updates_order"]))
        states = flow_state(golden, contexts, mode, tensors[f"{name}.init_noise"])
        compare_mode(golden, report, name, mode, tensors, contexts, states)


def check_understanding(golden: Golden, report: Report) -> None:
    """A question through the request function: the ViT sees the picture that was resized for the codec."""
    record, tensors = golden.json("e2e")["understanding"], golden.tensors("e2e")
    image = golden.resized(golden.images[record["image"]], "vae_t")
    contexts = Contexts(golden)
    contexts.add_image([golden.vision(golden.resized(image, "vit_t"))])
    contexts.add_text(record["question"])
    answer(golden, report, "understanding", contexts.full, record, tensors["understanding.logits"])
