"""A contact sheet to look at: degraded, restored and reference side by side, one row per pair.

Numbers hide seams, colour casts and grids; eyes do not.
"""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from eval.pair_scores import Score
from eval.pictures import read_picture, to_bytes
from eval.subjects import INPUT, MODEL

CELL_PX = (320, 240)  # width, height of one picture
CAPTION_PX = 18
GAP_PX = 4


def write_gallery(scores: Sequence[Score], path: Path) -> None:
    """Writes the sheet as PNG: the model's result in the middle, or the best other one where no model ran."""
    by_pair: dict[str, list[Score]] = {}
    for one in scores:
        by_pair.setdefault(one.pair.name, []).append(one)
    rows = [_row(of_pair) for of_pair in by_pair.values()]
    if not rows:
        return
    width, height = rows[0].size
    sheet = Image.new("RGB", (width, height * len(rows)), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (0, index * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _row(of_pair: Sequence[Score]) -> Image.Image:
    untouched = next((one for one in of_pair if one.subject.name == INPUT), of_pair[0])
    others = [one for one in of_pair if one.subject.name != INPUT]
    models = [one for one in others if one.subject.kind == MODEL]
    shown = max(models or others or [untouched], key=lambda one: one.values["PSNR"])
    pair = untouched.pair
    cells = [
        (pair.lq, f"{pair.type} {pair.name}: {untouched.values['PSNR']:.2f} dB"),
        (shown.prediction.file, f"{Path(shown.subject.name).name}: {shown.values['PSNR']:.2f} dB"),
        (pair.gt, "reference"),
    ]
    width, height = CELL_PX
    row = Image.new("RGB", ((width + GAP_PX) * len(cells), height + CAPTION_PX + GAP_PX), "white")
    draw, font = ImageDraw.Draw(row), ImageFont.load_default()
    for column, (file, caption) in enumerate(cells):
        left = column * (width + GAP_PX)
        # A small input is enlarged without smoothing, so that the sheet shows its pixels as they are.
        picture = Image.fromarray(to_bytes(read_picture(file)))
        enlarged = picture.width < width and picture.height < height
        fitted = ImageOps.contain(
            picture, CELL_PX, Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
        )
        row.paste(fitted, (left, CAPTION_PX))
        draw.text((left, 2), caption[:52], fill="black", font=font)
    return row
