"""Options that several commands share, with Real-ESRGAN's letters where they mean the same."""

from pathlib import Path
from typing import Annotated

import typer

from uare.errors import InputError
from uare.vocabulary import LEVELS

PhotosArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PHOTO", help="Photos, or folders of them at any depth.", show_default=False),
]
InputOption = Annotated[
    list[Path] | None,
    typer.Option("-i", "--input", help="The same as naming PHOTO; may be repeated.", show_default=False),
]
ReportOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Also writes the JSON document: a .json file, or a folder."),
]
ResultsOption = Annotated[
    Path, typer.Option("-o", "--output", help="Folder for the results, or a file for one photo.")
]
ModelOption = Annotated[
    str, typer.Option("-n", "--model", help="A model of the package, or a folder: ours or BAGEL's.")
]
JudgeOption = Annotated[
    Path | None,
    typer.Option(
        "--judge",
        help="Who compares: a folder with judge.json, or FGResQ.pth.",
        show_default="the model's, where it has one",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="cuda, mps or cpu.", show_default="the first that is there")
]
DtypeOption = Annotated[
    str | None,
    typer.Option("--dtype", help="float32, bfloat16 or float16.", show_default="what the device is fast in"),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of all that is random.")]
JsonFlag = Annotated[
    bool, typer.Option("--json", help="Prints one JSON document (docs/json-schema.md) to stdout.")
]
QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Shows no progress and no notes.")]

InstructionOption = Annotated[
    str | None, typer.Option("--instruction", help="What to do, in words, such as: remove the haze.")
]
AnalyseFlag = Annotated[
    bool, typer.Option("--analyse/--no-analyse", help="Lets the model write down first what is wrong.")
]
StepsOption = Annotated[
    int | None, typer.Option("--steps", help="Steps of the sampler.", show_default="the model's")
]
FidelityOption = Annotated[
    float | None,
    typer.Option("--fidelity", help="0 lets the model invent, 1 stays with the photo."),
]
UpscaleOption = Annotated[
    int, typer.Option("-s", "--upscale", metavar="1|2|4", help="Enlarges by 1, 2 or 4.")
]
GuidanceTextOption = Annotated[
    float | None, typer.Option("--guidance-text", help="How strongly the words count.")
]
GuidanceImageOption = Annotated[
    float | None, typer.Option("--guidance-image", help="How strongly the photo counts.")
]
TileOption = Annotated[
    int | None,
    typer.Option("-t", "--tile", help="Largest side (px) in one piece; less takes less memory."),
]
BestOfOption = Annotated[
    int, typer.Option("--best-of", help="Restores this often and keeps the best result.")
]
VerifyFlag = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Judges each result; keeps the photo if that was better.")
]
KeepWorseFlag = Annotated[
    bool, typer.Option("--keep-worse", help="Writes a result even if it was judged worse than its photo.")
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="Of the results: jpg, png, tif, webp or avif.", show_default="the photo's"),
]
SuffixOption = Annotated[str, typer.Option("--suffix", help="Goes behind the name of each result.")]
OverwriteFlag = Annotated[
    bool, typer.Option("--overwrite", help="Does results again that are there. Never touches a photo.")
]
MaskOption = Annotated[
    Path | None,
    typer.Option("--mask", help="Picture that is white where to restore, or a folder of them by name."),
]
RegionsFlag = Annotated[
    bool,
    typer.Option(
        "--regions", help="Also assesses the parts of each photo; with -o, draws them in <name>_regions.png."
    ),
]
RegionMaskOption = Annotated[
    list[Path] | None,
    typer.Option("--region-mask", help="White where a part is; may be repeated. In place of our own parts."),
]
SegmenterOption = Annotated[
    Path | None,
    typer.Option("--segmenter", help="Folder of a SAM model that finds the parts.", show_default="none"),
]
LevelOption = Annotated[
    str, typer.Option("--below", metavar="|".join(LEVELS), help="Restores photos below this level.")
]


def given_photos(photos: list[Path] | None, more: list[Path] | None) -> list[Path]:
    """What was named, as argument and with -i. Raises InputError if that is nothing."""
    given = [*(photos or []), *(more or [])]
    if not given:
        raise InputError("no photo was named; give files or folders, such as: uare assess photo.jpg")
    return given


def check_level(level: str) -> None:
    """Raises InputError for what is no level."""
    if level not in LEVELS:
        raise InputError(f"--below is {level!r}; choose one of {', '.join(LEVELS)}")
