"""Training by real processes: the same losses however it is spread, and nothing lost by interruptions."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.phases import (
    Workshop,
    kill_one_rank,
    make_workshop,
    run,
    run_on_small_disk,
    start,
    wait_for_steps,
)
from tests.uare.tiny import tiny_text_tokenizer, tiny_uare_model
from training.checkpoints import newest_intact
from training.command import exit_code
from training.loop import save_whole
from training.phases import is_trained
from uare.errors import CheckpointError
from uare.tokenizer import TextTokenizer

pytest.importorskip("deepspeed", reason="training needs the extra `train`")
pytestmark = pytest.mark.timeout(600)

# float32 sums in another order; the losses are near 1
SPREAD = 2e-4


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def alone(workshop: Workshop) -> list[float]:
    """Losses of a phase trained by one process without interruption."""
    run(workshop.settings("alone"))
    return workshop.losses("alone")


def test_the_first_phase_changes_the_restoration_expert_and_nothing_else(
    workshop: Workshop, alone: list[float]
) -> None:
    before = load_file(workshop.folder / "model" / "model.safetensors")
    after = load_file(workshop.folder / "alone" / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    allowed = {name for name in after if is_trained(name, "single")}
    assert changed <= allowed
    # the last layer's attention of the restoration expert at least, and its output
    assert {"latent.latent_out.weight", "mixture.layers.0.restoration.mlp.up_proj.weight"} <= changed


@pytest.mark.parametrize("zero", [1, 2, 3])
def test_two_processes_have_the_losses_of_one_under_every_zero_stage(
    workshop: Workshop, alone: list[float], zero: int
) -> None:
    name = f"two-zero{zero}"
    run(workshop.settings(name, zero=zero), 2)
    assert workshop.losses(name) == pytest.approx(alone, rel=SPREAD)


def test_a_killed_run_goes_on_with_exactly_the_same_losses(workshop: Workshop) -> None:
    run(workshop.settings("whole", steps=20), 2)
    settings = workshop.settings("killed", steps=20)
    process = start(settings, 2)
    wait_for_steps(workshop, "killed", 10)
    kill_one_rank(process)
    process.communicate(timeout=120)
    assert process.returncode != 0
    printed = run(settings, 2, "--resume", "auto")
    assert "goes on from" in printed
    assert workshop.losses("killed") == workshop.losses("whole")


def test_a_checkpoint_loads_on_other_processes_and_another_zero_stage(
    workshop: Workshop, alone: list[float]
) -> None:
    run(workshop.settings("half", steps=4, zero=3), 2)
    shutil.copytree(workshop.folder / "half", workshop.folder / "moved")
    run(workshop.settings("moved", steps=8, zero=1), 1, "--resume", "auto")
    assert workshop.losses("moved") == pytest.approx(alone, rel=SPREAD)


def test_sigterm_to_all_processes_saves_and_ends_cleanly(workshop: Workshop, alone: list[float]) -> None:
    settings = workshop.settings("asked", checkpoint={"every_steps": 1000})
    process = start(settings, 1, "--set", "data.workers=1")
    wait_for_steps(workshop, "asked", 3)
    os.killpg(process.pid, signal.SIGTERM)  # as schedulers do: the data worker gets it too
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    assert "asked to end: saved step" in printed
    run(settings, 1, "--resume", "auto")
    assert workshop.losses("asked") == alone


def test_a_damaged_checkpoint_is_passed_over_and_named(workshop: Workshop, alone: list[float]) -> None:
    shutil.copytree(workshop.folder / "alone", workshop.folder / "damaged")
    newest = max((workshop.folder / "damaged" / "checkpoints").iterdir())
    part = next(newest.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-100])
    printed = run(workshop.settings("damaged"), 1, "--resume", "auto")
    assert "is damaged" in printed and newest.name in printed
    assert workshop.losses("damaged") == alone


def test_a_full_disk_costs_nothing_but_the_checkpoint_that_did_not_fit(
    workshop: Workshop, alone: list[float]
) -> None:
    """Room for the first checkpoint and most of the second; then there is more, and the run goes on."""
    whole = sum(path.stat().st_size for path in (workshop.folder / "alone" / "checkpoints").glob("*4/*"))
    printed = run_on_small_disk(workshop, "full", whole * 7 // 4, workshop.settings("full"), 2)
    assert "error: cannot write the checkpoint" in printed and "No space left on device" in printed
    kept = workshop.folder / "full-kept"
    assert [path.name for path in kept.iterdir()] == ["step-00000004"]
    assert newest_intact(kept, print) is not None
    assert "goes on from" in printed
    assert workshop.losses("full") == pytest.approx(alone, rel=SPREAD)
    assert (workshop.folder / "full" / "model" / "model.safetensors").is_file()


def test_a_model_that_cannot_be_written_is_not_half_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, folder: Path) -> None:
        (folder / "begun").write_text("")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TextTokenizer, "save", full)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("")
    with pytest.raises(CheckpointError, match=r"No space left on device.*the last checkpoint has all of it"):
        save_whole(tiny_uare_model(), tiny_text_tokenizer(), tmp_path / "model")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path("model"), Path("model/old")]


def test_a_disk_that_takes_no_more_ends_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        Path("/dev/full").write_text("a line")

    assert exit_code(work) == 2
    assert "error: [Errno 28] No space left on device" in capsys.readouterr().err
    assert exit_code(lambda: None) == 0


def test_a_loss_that_is_not_finite_skips_steps_and_stops_with_the_samples(workshop: Workshop) -> None:
    hot = {"learning_rate": 1e25, "warmup_steps": 0}
    settings = workshop.settings("hot", optimizer=hot, steps=40, max_bad_steps=3)
    printed = run(settings, code=2)
    assert "was skipped (loss or gradient not finite)" in printed
    assert "3 steps in a row had no finite loss or gradient" in printed
    assert ".png" in printed.splitlines()[-1]


def test_the_unified_phase_trains_words_and_pixels(workshop: Workshop) -> None:
    validation = {"every_steps": 4, "samples": 1, "flow_steps": 1}
    run(workshop.settings("unified", "unified", zero=2, validation=validation), 2)
    assert (workshop.folder / "unified" / "validation" / "index.html").exists()
    assert (workshop.folder / "unified" / "curves.svg").exists()
    before = load_file(workshop.folder / "model" / "model.safetensors")
    after = load_file(workshop.folder / "unified" / "model" / "model.safetensors")
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed == {name for name in after if is_trained(name, "unified")}


def test_adapters_end_up_in_the_weights(workshop: Workshop) -> None:
    pytest.importorskip("peft")
    run(workshop.settings("adapted", lora={"rank": 4}))
    before = load_file(workshop.folder / "model" / "model.safetensors")
    after = load_file(workshop.folder / "adapted" / "model" / "model.safetensors")
    assert after.keys() == before.keys()
    name = "mixture.layers.0.restoration.mlp.up_proj.weight"
    difference = after[name] - before[name]
    assert 0 < torch.linalg.matrix_rank(difference, atol=1e-6) <= 4


def test_a_known_peak_gives_a_share_of_it_in_every_step(workshop: Workshop) -> None:
    log = {"peak_tflops": 0.001}
    printed = run(workshop.settings("peak", steps=2, log=log, checkpoint={"every_steps": 9}))
    lines = (workshop.folder / "peak" / "steps.jsonl").read_text().splitlines()
    shares = [json.loads(line)["mfu"] for line in lines]
    assert all(0 < share < 1 for share in shares)
    assert f"mfu {shares[-1]:.1%}" in printed


def test_a_process_that_never_came_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("RANK", "0"),
        ("WORLD_SIZE", "3"),
        ("MASTER_PORT", "0"),
        ("UARE_RANK_TIMEOUT_S", "1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    printed = run(workshop.settings("lonely"), code=2)
    assert "process 0 of 3 waited 1 s for process 1, 2; look at the log" in printed


def test_an_output_with_checkpoints_is_not_overwritten(workshop: Workshop, alone: list[float]) -> None:
    printed = run(workshop.folder / "alone.yaml", code=2)
    assert "holds checkpoints of an earlier run; go on with --resume auto" in printed


def test_the_losses_are_those_on_record(alone: list[float]) -> None:
    """A change that moves them has changed the data, the loss or the schedule: say so, then record them anew
    (`steps.jsonl` of this run)."""
    recorded = json.loads((Path(__file__).parent / "recorded_losses.json").read_text())
    assert alone == pytest.approx(recorded, rel=1e-3)  # processors differ in the last bits, and steps add up
