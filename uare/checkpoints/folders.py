"""Finding a model folder and saying what is wrong with it before a library does."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers.utils import logging

from uare.errors import CheckpointError, ConfigError

DEFAULT_MODEL = "uare-tiny"
_PACKAGED = Path(__file__).resolve().parents[1] / "models"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def find_folder(name: str | Path) -> Path:
    """The folder of a model: a path, or the name of one that ships in the package.

    Raises CheckpointError for what is neither. A hub name has to be downloaded first: nothing is fetched
    unless the user asks for it.
    """
    path = Path(name)
    packaged = _PACKAGED / str(name)
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is a file; expected a model folder with config.json and *.safetensors")
    if path.name == str(name) and packaged.is_dir():
        return packaged
    shipped = ", ".join(sorted(p.name for p in _PACKAGED.iterdir())) if _PACKAGED.is_dir() else "none"
    raise CheckpointError(
        f"no model {str(name)!r}: expected a folder or one of the package's ({shipped}); for a model of the "
        f"hub, run `hf download {name} --local-dir FOLDER` first and give the folder"
    )


def check_weight_files(folder: Path) -> None:
    """Raises CheckpointError where a folder of ours has no safetensors weights or lacks its configuration."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder} holds neither config.json (ours) nor llm_config.json (BAGEL); choose a model folder"
        )
    kind = _model_type(folder / "config.json")
    if kind != "uare":
        raise CheckpointError(
            f"{folder} holds a model of type {kind!r}, expected 'uare' or a BAGEL folder (with "
            "llm_config.json); choose another folder"
        )
    if any(folder.glob("model*.safetensors*")):
        return
    pickles = [p.name for p in folder.iterdir() if p.suffix in _PICKLES]
    if pickles:
        raise CheckpointError(
            f"{folder} holds {pickles[0]}, a pickle that could run code; expected safetensors: convert it "
            "with the program it came from"
        )
    raise CheckpointError(f"{folder} holds no model*.safetensors; fetch the weights again")


def _model_type(config_file: Path) -> str | None:
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as error:  # neither JSON nor text
        raise CheckpointError(f"{config_file} is not JSON ({error}); fetch it again") from None
    return config.get("model_type") if isinstance(config, dict) else None


def check_loaded(
    model: nn.Module, missing: list[str], mismatched: Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]]
) -> None:
    """Raises where weights are missing, have another shape, hold NaN or infinity, or were pushed out to disk.

    `mismatched` holds name, found and expected shape.
    """
    for name, found, expected in mismatched:
        raise CheckpointError(
            f"weight {name} has shape {tuple(found)}, its configuration expects {tuple(expected)}; the files "
            "of the folder do not belong together"
        )
    if missing:
        raise CheckpointError(
            f"{len(missing)} weights are missing, the first is {sorted(missing)[0]}; fetch the folder again"
        )
    placed = getattr(model, "hf_device_map", {}).values()
    if "disk" in placed:
        raise ConfigError(
            "the model does not fit into the memory of the devices given and would be run from disk; allow "
            "more memory, choose a smaller dtype or load it quantised"
        )
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and weight.device.type != "meta" and not torch.isfinite(weight).all():
            raise CheckpointError(f"weight {name} holds NaN or infinity; the checkpoint is damaged")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keeps the library's progress bar and report from the terminal; our own checks say what is wrong."""
    verbosity, shows_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_bar:
            logging.enable_progress_bar()
