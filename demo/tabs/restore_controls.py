"""What a visitor sets before a restoration, in a photographer's words; presets set several at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from uare.config import UAREConfig
from uare.options import MIN_TILE_PX, UPSCALES, RestoreOptions
from uare.prompts import restore_instruction

MAX_CANDIDATES, MAX_STEPS, MAX_GUIDANCE = 4, 30, 5.0
MAX_WORDS = 500  # characters of a wish
UPSCALE_CHOICES = [("same size" if factor == 1 else f"{factor} times", factor) for factor in UPSCALES]
KEEPS_CHOICES = [("stays exactly as it is", True), ("is the only part restored", False)]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One kind of photo: what is asked for, and the size of the result."""

    name: str
    types: tuple[str, ...] = ()  # of `uare.vocabulary.DEGRADATIONS`; none: the model finds out
    upscale: int = 1

    @property
    def wish(self) -> str:
        return restore_instruction(self.types) if self.types else ""


PRESETS = (
    Preset(name="Any photo"),
    Preset(name="Old or grainy", types=("noise", "blur")),
    Preset(name="Too dark", types=("lowlight",)),
    Preset(name="Hazy", types=("haze",)),
    Preset(name="Saved too small (JPEG)", types=("jpeg",)),
    Preset(name="Enlarge", types=("lowres",), upscale=2),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Controls:
    """The fields whose values make up `RestoreOptions`; all of them are kept for the next visit."""

    preset: gr.Radio
    fidelity: gr.Slider
    upscale: gr.Radio
    keeps: gr.Radio  # what painting means
    wish: gr.Textbox
    seed: gr.Number
    best_of: gr.Slider
    steps: gr.Slider
    guidance_text: gr.Slider
    guidance_image: gr.Slider
    tile: gr.Slider
    analyse: gr.Checkbox
    verify: gr.Checkbox
    keep_worse: gr.Checkbox

    @property
    def by_name(self) -> dict[str, Component]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def add_first_controls() -> dict[str, Any]:
    """The three that everybody needs."""
    return {
        "preset": gr.Radio([one.name for one in PRESETS], value=PRESETS[0].name, label="What is it like?"),
        "fidelity": gr.Slider(
            0, 1, value=1.0, step=0.05, label="Fidelity",
            info="1 stays as close to the photo as it can, 0 lets the model repaint it",
        ),
        "upscale": gr.Radio(UPSCALE_CHOICES, value=1, label="Size of the result"),
    }  # fmt: skip


def add_keeps() -> dict[str, Any]:
    return {"keeps": gr.Radio(KEEPS_CHOICES, value=True, label="What you paint ...")}


def add_advanced_controls(config: UAREConfig) -> dict[str, Any]:
    """The rest; the model's own choices are the first values."""
    sampling = config.sampling
    fields: dict[str, Component] = {
        "wish": gr.Textbox(
            label="Your wish", lines=1, max_lines=3, max_length=MAX_WORDS,
            placeholder="such as: enhance this image with noise", info="empty: the model decides",
        ),
        "seed": gr.Number(value=0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed"),
        "best_of": gr.Slider(
            1, MAX_CANDIDATES, value=1, step=1, label="Best of",
            info="restores with that many seeds and keeps the best",
        ),
        "steps": gr.Slider(
            1, MAX_STEPS, value=min(sampling.num_steps, MAX_STEPS), step=1, label="Steps",
            info=f"this model was made for {sampling.num_steps}",
        ),
        "guidance_text": gr.Slider(
            1, MAX_GUIDANCE, value=sampling.text_scale, step=0.1, label="Weight of the words"
        ),
        "guidance_image": gr.Slider(
            1, MAX_GUIDANCE, value=sampling.image_scale, step=0.1, label="Weight of the photo"
        ),
        "tile": gr.Slider(
            MIN_TILE_PX, config.tile_px, value=config.tile_px, step=16, label="Tile (px)",
            info="larger photos are restored in such pieces; smaller ones take less memory",
        ),
        "analyse": gr.Checkbox(value=True, label="Let the analysis guide the restoration"),
        "verify": gr.Checkbox(value=True, label="Compare the result with the photo"),
        "keep_worse": gr.Checkbox(value=False, label="Show a result even if it is judged worse"),
    }  # fmt: skip
    return fields


def chosen_options(values: dict[str, Any], mask: np.ndarray | None) -> RestoreOptions:
    """The options of the controls' values by name. Raises InputError for what contradicts."""
    return RestoreOptions(
        instruction=(values["wish"] or "").strip()[:MAX_WORDS] or None,
        analyse=values["analyse"],
        steps=int(values["steps"]),
        fidelity=values["fidelity"],
        upscale=values["upscale"],
        guidance_text=values["guidance_text"],
        guidance_image=values["guidance_image"],
        tile=int(values["tile"]),
        seed=int(values["seed"] or 0),
        mask=mask,
        verify=values["verify"],
        keep_worse=values["keep_worse"],
        best_of=int(values["best_of"]),
    )


def preset_values(name: str) -> tuple[str, int]:
    """The wish and the upscale of a preset."""
    preset = next((one for one in PRESETS if one.name == name), PRESETS[0])
    return preset.wish, preset.upscale
