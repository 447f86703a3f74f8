"""A BAGEL folder as a folder of ours, there whole or not at all."""

import secrets
import shutil
from pathlib import Path

from uare.batch.loop import Json
from uare.checkpoints.bagel import is_bagel_folder
from uare.documents import heading
from uare.errors import CheckpointError, InputError
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer


def convert_folder(source: Path, target: Path) -> Json:
    """Writes model and tokenizer of a BAGEL folder to `target`; returns the document of `uare convert`.

    Weights keep their numbers and their number format. Raises CheckpointError for a folder that is not
    BAGEL's, InputError for a target that is there already or cannot be written.
    """
    if not is_bagel_folder(source):
        raise CheckpointError(
            f"{source} is no BAGEL folder (no llm_config.json in it); expected the layout of BAGEL-7B-MoT"
        )
    if target.exists():
        raise InputError(f"{target} exists already; name a folder that does not")
    model, tokenizer = UAREModel.from_pretrained(source), TextTokenizer.from_folder(source)
    unfinished = target.parent / f".uare-{secrets.token_hex(8)}.part"  # renamed to `target` when complete
    try:
        unfinished.mkdir(parents=True)
        model.save_pretrained(unfinished)
        tokenizer.save(unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror or error}); choose another place, or free space"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return {
        **heading("convert", None),
        "source": str(source),
        "output": str(target),
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }
