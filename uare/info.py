"""What `uare info` says: parameters by component, memory, device and versions."""

import os
import sys
from typing import TYPE_CHECKING

import torch

from uare.batch.loop import Json
from uare.documents import heading

if TYPE_CHECKING:
    from uare.judge import Judge
    from uare.model import UAREModel
    from uare.pipeline import UAREPipeline

# Component -> how its parameters' names begin, or what they contain; the first row that fits counts.
COMPONENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("quality expert", (".iqa.", "mixture.iqa_norm.")),
    ("restoration expert", (".restoration.", "mixture.restoration_norm.")),
    ("text in and out", ("text.",)),
    ("vision encoder", ("vision.",)),
    ("connector", ("connector.",)),
    ("latent in and out, timestep", ("latent.",)),
    ("codec", ("codec.",)),
    ("detail path", ("detail.",)),
)


def describe(pipe: "UAREPipeline", model: Json) -> Json:
    """The document of `uare info`."""
    components = components_of(pipe.model)
    return {
        **heading("info", model),
        "components": components,
        "parameters": sum(row["parameters"] for row in components),
        "judge": None if pipe.judge is None else judge_facts(pipe.judge),
        "memory": memory(pipe.model),
        "sampling": {
            "steps": pipe.model.config.sampling.num_steps,
            "tile_px": pipe.model.config.tile_px,
        },
    }


def components_of(model: "UAREModel") -> list[Json]:
    """Parameters and bytes of each component that the model has, each parameter once."""
    totals: dict[str, Json] = {name: {"name": name, "parameters": 0, "bytes": 0} for name, _ in COMPONENTS}
    for name, weight in model.named_parameters():
        row = totals[component_of(name)]
        row["parameters"] += weight.numel()
        row["bytes"] += weight.numel() * weight.element_size()
    return [row for row in totals.values() if row["parameters"]]


def judge_facts(judge: "Judge") -> Json:
    """What a judge takes beside the model whose features it may read."""
    weights = list(judge.network.state_dict().values())
    return {
        "parameters": sum(one.numel() for one in weights),
        "bytes": sum(one.numel() * one.element_size() for one in weights),
    }


def component_of(weight_name: str) -> str:
    """The component that a weight of this name belongs to."""
    for component, marks in COMPONENTS:
        if any(weight_name.startswith(mark) or (mark[0] == "." and mark in weight_name) for mark in marks):
            return component
    raise AssertionError(f"{weight_name} belongs to no component; add it to COMPONENTS")


def memory(model: "UAREModel") -> Json:
    """Bytes: of the weights, of this process at its largest, and free and in all on the model's device."""
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    free, total = torch.cuda.mem_get_info(model.device) if model.device.type == "cuda" else _machine_memory()
    return {
        "weights_bytes": weights,
        "process_peak_bytes": _process_peak(),
        "device_free_bytes": free,
        "device_total_bytes": total,
    }


def _machine_memory() -> tuple[int | None, int | None]:
    """Free and total bytes; None where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES", "SC_AVPHYS_PAGES"} <= names.keys():
        return None, None
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")


def _process_peak() -> int | None:
    """The most memory that this process has held, in bytes; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
