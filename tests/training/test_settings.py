"""The form of a phase: the files of the tree fill it, the recipe is the paper's, and mistakes are named."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from training.engine import deepspeed_config
from training.settings import TrainSettings, read_settings
from uare.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"
OTHER_FORMS = ("fgresq_", "region_head", "rl2r_")  # how their files begin
PHASES = ("stage1_single", "stage1_multi", "stage1_high_order", "stage2_unified")

# UARE, table A.1: steps, warm-up, average, share of each kind of sample.
RECIPE: dict[str, tuple[int, int, float, dict[str, float]]] = {
    "stage1_single": (10_000, 250, 0.990, {"single": 1.0}),
    "stage1_multi": (20_000, 250, 0.995, {"multi": 1.0}),
    "stage1_high_order": (1_500, 250, 0.995, {"high_order": 1.0}),
    "stage2_unified": (
        10_000,
        500,
        0.995,
        {"questions": 0.25, "single": 0.05, "multi": 0.1, "high_order": 0.2, "interleaved": 0.4},
    ),
}


def all_files() -> list[Path]:
    """Every phase; judges, heads for regions and ranking have forms and tests of their own."""
    return [path for path in sorted(CONFIGS.rglob("*.yaml")) if not path.name.startswith(OTHER_FORMS)]


def kind_of(name: str, task: str) -> str:
    """What table A.1 calls a group."""
    return {"restore": name, "interleave": "interleaved"}.get(task, "questions")


@pytest.fixture
def document() -> dict[str, Any]:
    """The smallest settings of a phase."""
    sets = [{"reader": "folder", "root": "photos"}]
    group = {"task": "restore", "harm": "single", "weight": 1, "sets": sets}
    return {
        "phase": "single",
        "model": "uare-tiny",
        "output": "runs/x",
        "steps": 10,
        "data": {"groups": {"single": group}},
    }


def read(document: dict[str, Any], folder: Path, *changes: str) -> TrainSettings:
    path = folder / "phase.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_settings(path, changes)


@pytest.mark.parametrize("path", all_files(), ids=lambda path: path.relative_to(CONFIGS).as_posix())
def test_every_file_of_the_tree_fills_the_form_with_relative_paths(path: Path) -> None:
    settings = read_settings(path)
    deepspeed_config(settings, 1)  # its ZeRO file can be read
    sets = [one for group in settings.data.groups.values() for one in group.sets]
    for place in (Path(settings.model), settings.output, *(one.root for one in sets)):
        assert not place.is_absolute()
    assert settings.output.relative_to("runs").with_suffix(".yaml") == path.relative_to(CONFIGS)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 45
    assert settings.data.grammar == ("rich" if path.parent == CONFIGS else "small")


@pytest.mark.parametrize("folder", [CONFIGS, CONFIGS / "tiny"], ids=["7B", "tiny"])
def test_each_phase_starts_from_the_model_of_the_one_before(folder: Path) -> None:
    phases = [read_settings(folder / f"{name}.yaml") for name in PHASES]
    assert [settings.phase for settings in phases] == ["single", "multi", "high_order", "unified"]
    for before, after in pairwise(phases):
        assert Path(after.model) == before.output / "model"


@pytest.mark.parametrize("name", PHASES)
def test_the_numbers_are_those_of_the_paper(name: str) -> None:
    settings = read_settings(CONFIGS / f"{name}.yaml")
    steps, warmup, decay, shares = RECIPE[name]
    assert (settings.steps, settings.optimizer.warmup_steps, settings.ema_decay) == (steps, warmup, decay)
    found: dict[str, float] = {}
    for group_name, group in settings.data.groups.items():
        kind = kind_of(group_name, group.task)
        found[kind] = found.get(kind, 0.0) + group.weight
    assert found == pytest.approx(shares)
    form = settings.optimizer
    assert (form.learning_rate, form.betas, form.eps) == (2e-5, (0.9, 0.95), 1e-15)
    assert (form.weight_decay, form.max_grad_norm, form.schedule) == (0, 1.0, "constant")
    loss = settings.loss
    assert (loss.text_weight, loss.timestep_shift, loss.dropout, loss.start_share) == (0.25, 4.0, 0.1, 0)
    size = settings.data.size
    assert (size.crops_px, size.short_px, size.long_px) == (None, 512, 1024)
    assert settings.data.rows_per_step == 64
    assert settings.lora is None


def test_the_phases_take_the_sets_that_the_paper_names() -> None:
    taken = {
        (name, kind_of(group_name, group.task), group.harm, one.reader, one.split)
        for name in PHASES
        for group_name, group in read_settings(CONFIGS / f"{name}.yaml").data.groups.items()
        for one in group.sets
    }
    readers = {reader for *_, reader, _ in taken}
    questions = {"koniq10k", "kadid10k", "spaq", "pipal", "dq495k", "diffiqa"}
    assert readers == questions | {"foundir", "lsdir"}
    for _, kind, harm, reader, split in taken:
        if kind in ("single", "multi"):
            harms = {"single": "train-single", "multi": "train-mixed"}
            assert (harm, reader, split) == ("recorded", "foundir", harms[kind])
        if kind == "high_order":
            assert harm == "high_order" and reader in ("lsdir", "foundir")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stesp=10", "stesp is not a known key; the nearest known one is steps"),
        ("optimizer.learning_rat=1", "optimizer.learning_rat is not .* nearest known one is learning_rate"),
        ("lora.rnk=4", "lora.rnk is not a known key; the nearest known one is rank"),
        ("data.groups.single.wieght=1", "data.groups.single.wieght is not .* nearest known one is weight"),
        (
            "data.groups.single.sets=[{reader: folder, root: x, splitt: y}]",
            "data.groups.single.sets.0.splitt is not .* nearest known one is split",
        ),
        ("phase=third", "phase: Input should be 'single', 'multi'.* found 'third'"),
        ("steps=0", "steps: Input should be greater than 0, found 0"),
        ("ema_decay=1", "ema_decay: Input should be less than 1, found 1"),
        ("data.groups.single.sets=[]", "data.groups.single.sets: .* at least 1"),
        ("data.groups.single.task=paint", "data.groups.single.task: .* found 'paint'"),
        ("steps.more=1", "--set steps.more=1: steps is no section"),
        ("steps", "found --set steps, expected key.key=value"),
        ("output=[", "--set output=.*: the value is no YAML"),
        (
            "data={captions: c.jsonl, size: {crops_px: [64]}, groups: {a: {task: restore, weight: 1, "
            "sets: [{reader: folder, root: x}]}}}",
            "captions are about whole pictures, but data.size.crops_px cuts them",
        ),
        ("model=preset:tiny", "needs the weights of a codec; set codec to a folder"),
        ("vision=runs/vision", "vision belongs to a new network"),
    ],
)
def test_mistakes_are_named_with_their_dotted_path(
    document: dict[str, Any], tmp_path: Path, change: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(document, tmp_path, change)


def test_a_mistyped_key_is_named_and_not_the_one_that_it_leaves_out(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["stpes"] = document.pop("steps")
    with pytest.raises(ConfigError, match="stpes is not a known key; the nearest known one is steps"):
        read(document, tmp_path)


def test_a_missing_key_is_named(document: dict[str, Any], tmp_path: Path) -> None:
    del document["data"]["groups"]["single"]["weight"]
    with pytest.raises(ConfigError, match=r"data\.groups\.single\.weight is missing; add it"):
        read(document, tmp_path)


def test_the_unified_phase_cannot_detach_what_it_trains(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="detach_frozen belongs to the first stage"):
        read(document, tmp_path, "phase=unified", "detach_frozen=true")


def test_set_changes_one_field_and_makes_the_sections_on_the_way(
    document: dict[str, Any], tmp_path: Path
) -> None:
    settings = read(document, tmp_path, "optimizer.learning_rate=1e-4", "lora.rank=4", "log.wandb=true")
    assert settings.optimizer.learning_rate == 1e-4
    assert settings.lora is not None and settings.lora.rank == 4
    assert settings.log.wandb
    unchanged = read(document, tmp_path)
    fields = {"optimizer", "lora", "log"}
    assert settings.model_dump(exclude=fields) == unchanged.model_dump(exclude=fields)


def test_the_zero_file_counts_from_the_settings_and_other_paths_from_the_working_directory(
    document: dict[str, Any], tmp_path: Path
) -> None:
    settings = read(document, tmp_path, "deepspeed=zero.json")
    assert settings.deepspeed == tmp_path / "zero.json"
    assert settings.output == Path("runs/x")
    assert read(document, tmp_path, "deepspeed=/zero.json").deepspeed == Path("/zero.json")


@pytest.mark.parametrize("text", ["", "just words", "a: [", None])
def test_a_file_without_settings_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "phase.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"phase\.yaml"):
        read_settings(path)
