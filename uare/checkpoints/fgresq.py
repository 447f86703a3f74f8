"""The released files of FGResQ (`FGResQ.pth`, `Degradation.pth`) as one state dict with our names.

Loading them with `strict=False`, as their own code does, gives plausible scores from towers without weights
once a library renames a module: here every name is mapped, and what is missing or unknown is an error.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uare.errors import CheckpointError

MAIN_FILE, DEGRADATION_FILE = "FGResQ.pth", "Degradation.pth"
TOWERS: dict[str, str] = {
    "clip_model.vision_model.": "general.",
    "task_cls_clip.vision_model.": "degradation.",
}
HEAD: dict[str, str] = {
    "task_mlp.": "head.gate.",
    "prompt_mlp.": "head.prompt_out.",
    "prompt": "head.prompt",
    "head.": "head.score.",
    "compare_head.": "head.compare.",
}
_WRAPPERS = ("model", "state_dict")
_IGNORED = "embeddings.position_ids"  # older libraries saved the numbers 0, 1, 2, ...


def read_fgresq(main: Path, degradation: Path | None = None) -> dict[str, Tensor]:
    """The weights of the whole network, float32, by the names of `JudgeNetwork` with two `ClipTower`s.

    What the main file has of the degradation tower replaces the second file's. Raises CheckpointError for a
    file that cannot be read, for unknown names and for weights that hold NaN; which weights are missing is
    seen by whoever loads the result.
    """
    found: dict[str, Tensor] = {}
    if degradation is not None:
        tower = {"clip_model.vision_model.": "degradation."}  # its other weights are a classifier's
        for name, weight in _read(degradation).items():
            if (ours := _our_name(name, tower)) is not None:
                found[ours] = weight
    for name, weight in _read(main).items():
        ours = _our_name(name, TOWERS | HEAD)
        if ours is None:
            raise CheckpointError(
                f"{main} holds {name}, which is no weight of FGResQ; choose its {MAIN_FILE}"
            )
        found[ours] = weight
    for name, weight in found.items():
        if not torch.isfinite(weight).all():
            raise CheckpointError(f"weight {name} of {main} holds NaN or infinity; fetch the file again")
    return {name: weight.float() for name, weight in found.items()}


def _our_name(name: str, prefixes: Mapping[str, str]) -> str | None:
    return next(
        (ours + name[len(theirs) :] for theirs, ours in prefixes.items() if name.startswith(theirs)), None
    )


def _read(path: Path) -> dict[str, Tensor]:
    """The plain state dict of a file, out of its wrapping, without `module.` before the names."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            f"there is no file {path}; fetch FGResQ's weights and name their place"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} could not be read as weights and nothing but weights ({first_line:.200}); fetch it again"
        ) from None
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(one, Tensor) for one in content.values()):
        raise CheckpointError(f"{path} holds no state dict; expected weights by name, such as {MAIN_FILE}")
    weights = {str(name).removeprefix("module."): weight for name, weight in content.items()}
    return {name: weight for name, weight in weights.items() if not name.endswith(_IGNORED)}
