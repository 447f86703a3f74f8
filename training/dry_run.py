"""The plan of a phase, in words, without training it: network, tokens, memory, mixture, time.

Only configurations and the lists of data sets are read; the network is built without memory for its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from data.readers.sets.table import READERS
from training.estimates import (
    EXPERT,
    Cluster,
    RowEstimate,
    Weights,
    draw_rows,
    duration_s,
    memory,
    operations,
)
from training.opening import open_set
from training.phases import prepare
from training.presets import full_size
from training.settings import SetSettings, TrainSettings
from training.start import PRESET, configuration_of, starting_dtype
from uare.checkpoints.folders import find_folder
from uare.config import UAREConfig
from uare.errors import CheckpointError, InputError
from uare.info import COMPONENTS, component_of
from uare.model import UAREModel

GB = 1e9
PUBLISHED = {row.name for row in READERS}  # sets with splits


def plan(settings: TrainSettings, cluster: Cluster) -> str:
    """What the phase would train, on what, in how much memory and time; a data set that is missing is named.

    Raises UAREError where the settings cannot be trained on that many processes, or the model is damaged.
    """
    config, remark = _config(settings)
    components = count_weights(settings, config)
    row = draw_rows(settings, config)
    sections = (
        _recipe(settings, config),
        [*remark, *_network(components)],
        _tokens(settings, row, cluster),
        _memory(settings, config, components, row, cluster),
        _mixture(settings),
        _time(settings, components, row, cluster),
    )
    return "\n\n".join("\n".join(section) for section in sections)


def _config(settings: TrainSettings) -> tuple[UAREConfig, list[str]]:
    """The sizes of the model that the phase starts from, and a remark where they had to be supposed."""
    try:
        if settings.model != PRESET:
            find_folder(settings.model)
    except CheckpointError:
        remark = f"{settings.model} is not there yet: counted with the sizes of BAGEL-7B-MoT"
        return full_size(), [remark, "(for others: --set model=FOLDER)"]
    return configuration_of(settings)[0], []


@dataclass
class Count:
    """Weights of a component of the network."""

    weights: int = 0
    trained: int = 0


def count_weights(settings: TrainSettings, config: UAREConfig) -> dict[str, Count]:
    """Weights of each component by its name, with the adapters of the phase."""
    with torch.device("meta"):
        network = UAREModel(config)
        prepare(network, settings)
    counts = {name: Count() for name, _ in COMPONENTS}
    for name, weight in network.named_parameters():
        count = counts[component_of(name)]
        count.weights += weight.numel()
        count.trained += weight.numel() if weight.requires_grad else 0
    return {name: count for name, count in counts.items() if count.weights}


def _recipe(settings: TrainSettings, config: UAREConfig) -> list[str]:
    form, loss, size = settings.optimizer, settings.loss, settings.data.size
    seen, asked = config.vision_transform, config.assess_transform
    pictures = (
        f"crops of {', '.join(map(str, size.crops_px))} px"
        if size.crops_px
        else f"short side from {size.short_px} px, long side to {size.long_px} px"
    )
    return [
        f"phase {settings.phase}: {settings.steps:,} steps from {settings.model} to {settings.output}",
        f"  AdamW {form.betas}, eps {form.eps:g}, learning rate {form.learning_rate:g} {form.schedule} "
        f"after {form.warmup_steps} steps, weight decay {form.weight_decay:g}, "
        f"gradient norm {form.max_grad_norm:g}",
        f"  loss: MSE + {loss.text_weight:g} CE, timestep shift {loss.timestep_shift:g}, "
        f"conditions dropped {loss.dropout:g}, average {settings.ema_decay:g}, {settings.precision}",
        f"  pictures to restore: {pictures}; their views {seen.min_size} to {seen.max_size} px, "
        f"those of questions {asked.min_size} to {asked.max_size} px",
    ]


def _network(components: dict[str, Count]) -> list[str]:
    total = Count(
        weights=sum(count.weights for count in components.values()),
        trained=sum(count.trained for count in components.values()),
    )
    rows = [
        (name, f"{count.weights:,}", f"{count.trained:,}", f"{count.weights - count.trained:,}")
        for name, count in (components | {"all": total}).items()
    ]
    return list(_columns([("parameters of", "", "trained", "frozen"), *rows]))


def _tokens(settings: TrainSettings, row: RowEstimate, cluster: Cluster) -> list[str]:
    data = settings.data
    per_step = data.rows_per_step * row.mean
    return [
        f"tokens: {data.rows_per_step} rows a step, {data.rows_per_step // cluster.gpus} of them for each of "
        f"{cluster.gpus} processes; a row ends with the sample that brings it to {data.tokens_per_row:,}",
        f"  about {row.mean:,.0f} a row ({row.text / row.mean:.1%} text), the longest {row.longest:,}",
        f"  about {_large(per_step)} a step, {_large(per_step * settings.steps)} in all",
    ]


def _memory(
    settings: TrainSettings,
    config: UAREConfig,
    components: dict[str, Count],
    row: RowEstimate,
    cluster: Cluster,
) -> list[str]:
    everything = sum(count.weights for count in components.values())
    codec = components["codec"].weights
    trained = sum(count.trained for count in components.values())
    weights = Weights(network=everything - codec, trained=trained, codec=codec)
    needs = memory(weights, row, config, settings, cluster.gpus)
    rows = [
        (
            need.what,
            *(_gigabytes(need.num_bytes) if on_host == need.on_host else "" for on_host in (False, True)),
        )
        for need in needs
    ]
    sums = [sum(need.num_bytes for need in needs if need.on_host == on_host) for on_host in (False, True)]
    source = f", {settings.deepspeed.name}" if settings.deepspeed else ""
    title = f"GB of each of {cluster.gpus} processes{source}"
    table = _columns([(title, "device", "host"), *rows, ("sum", *map(_gigabytes, sums))])
    read = starting_dtype(settings).itemsize * everything
    return [
        *table,
        f"while the model is read, each holds {_gigabytes(read)} GB on its host, or shares them with the "
        "others where the files have that precision",
    ]


def _mixture(settings: TrainSettings) -> list[str]:
    groups = settings.data.groups
    total = sum(group.weight for group in groups.values())
    lines = ["mixture, by samples:"]
    missing: dict[str, None] = {}  # sentences in order, each once
    for name, group in groups.items():
        lines.append(f"  {group.weight / total:6.1%}  {name}: {group.task}, harm {group.harm}")
        weights = sum(one.weight for one in group.sets)
        for one in group.sets:
            count, problem = _stock(one)
            lines.append(f"          {one.weight / weights:6.1%}  {one.reader} in {one.root}: {count}")
            if problem:
                missing[f"  {one.reader}: {problem}"] = None
    return [*lines, *(["what is missing, and how it must lie:", *missing] if missing else [])]


def _stock(form: SetSettings) -> tuple[str, str | None]:
    """How many sources a data set has; or that it is missing, and why."""
    split = "" if form.reader not in PUBLISHED else f" of {form.split}"
    try:
        return f"{len(open_set(form)):,} sources{split}", None
    except InputError as error:
        return f"missing{split}", str(error)


def _time(
    settings: TrainSettings, components: dict[str, Count], row: RowEstimate, cluster: Cluster
) -> list[str]:
    rows = settings.steps * settings.data.rows_per_step
    expert = components[EXPERT].weights
    iqa_tokens = row.text + row.views
    work = rows * operations(iqa_tokens, row.mean - iqa_tokens, expert, settings)
    tokens = rows * row.mean
    return [
        f"time: {duration_s(work, cluster) / 3600:,.1f} hours = {_large(tokens)} tokens × "
        f"{work / (tokens * expert):.2f} × {_large(expert)} weights of an expert / "
        f"({cluster.gpus} × {cluster.tflops:g} TFLOP/s × {cluster.mfu:.0%})"
    ]


def _columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells: Iterable[str] = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _gigabytes(num_bytes: float) -> str:
    """2.5 or 0.021; nothing for nothing."""
    size = num_bytes / GB
    return f"{size:.1f}" if size >= 1 else f"{size:.3f}" if size else ""


def _large(number: float) -> str:
    """12,345 or 0.96 M or 9.60 B."""
    if number < 1e5:
        return f"{number:,.0f}"
    return f"{number / 1e6:.2f} M" if number < 1e8 else f"{number / 1e9:.2f} B"
