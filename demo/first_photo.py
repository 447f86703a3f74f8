"""The first try, `make restore`: a photo in; the restored photo, a side-by-side picture and the analysis out.

Without a photo it takes a sample photo. The command `uare restore` does the work, as a user would call
it; this program only makes the sample before it and the picture to look at after it.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import subprocess
from collections.abc import Sequence

from data.sample_photos import write_sample
from uare.errors import InputError, UAREError
from uare.folders import FoundImage, output_paths
from uare.images import load_photo
from uare.saving import to_pillow
from uare.view import side_by_side

SAMPLE_FOLDER = "sample"


def restore(photo: Path, folder: Path) -> Path:
    """Runs `uare restore` on a photo and returns the path of the result; CalledProcessError if it failed."""
    command = Path(sys.executable).with_name("uare")
    if not command.is_file():
        raise InputError(f"found no command {command}, expected the installed package; run: make setup")
    subprocess.run([command, "restore", photo, "--output", folder, "--overwrite"], check=True)
    return output_paths([FoundImage(path=photo)], folder)[0]


def write_side_by_side(photo: Path, restored: Path, target: Path) -> None:
    """Writes one picture with the photo on the left and its restoration on the right."""
    before, after = (load_photo(path) for path in (photo, restored))
    side_by_side(to_pillow(before.pixels), to_pillow(after.pixels)).save(target)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Restores one photo and shows what became of it.")
    parser.add_argument(
        "photo", type=Path, nargs="?", help="a photo of yours; without one, a harmed sample photo"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("results"), help="folder for the results")
    arguments = parser.parse_args(argv)
    photo: Path | None = arguments.photo
    folder: Path = arguments.output
    try:
        if photo is None:
            photo = write_sample(folder / SAMPLE_FOLDER)
        restored = restore(photo, folder)
        comparison = folder / f"{photo.stem}_side_by_side.png"
        write_side_by_side(photo, restored, comparison)
        analysis = folder / f"{photo.stem}_analysis.txt"
        record = json.loads((folder / f"{photo.stem}.json").read_text(encoding="utf-8"))
        analysis.write_text(record["analysis"]["text"] + "\n", encoding="utf-8")
    except UAREError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return error.returncode  # the command has said why
    print(f"photo         {photo}")
    print(f"restored      {restored}")
    print(f"side by side  {comparison}")
    print(f"analysis      {analysis}\n\n{analysis.read_text(encoding='utf-8')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
