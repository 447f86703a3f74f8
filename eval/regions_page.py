"""The page of `eval/regions.py`: tables in Markdown, and pictures small enough for a repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.pictures import to_bytes
from eval.region_trials import ADAPTIVE_SEVERITY, KEPT_DB, WORST_BY, Found, Mended, mean, pixels_of
from eval.suites.regions import HALF
from uare.adaptive import ADAPTIVE_REGIONS
from uare.experts.regions import heat_map
from uare.pipeline import UAREPipeline
from uare.writing import write_atomically

PICTURE_BYTES = 150_000
TOLD = "overall score"  # by which pictures and the table by type take the worst region, as heat maps show it
# RSFIQA, tables 1, 2 and 6: Swin, trained on KonIQ-10k; PLCC/SRCC. Quoted, not measured here.
QUOTED = (
    ("KonIQ-10k, its own test split", ".940/.934"),
    ("SPAQ, trained on KonIQ-10k", ".892/.889"),
    ("LIVE in the Wild, trained on KonIQ-10k", ".861/.859"),
    ("KADID-10k, trained on KonIQ-10k", ".689/.685"),
    ("KonIQ-10k with 3, 4, 5, 6 regions", ".934/.925, .937/.930, .940/.934, .939/.932"),
)


def write_page(
    folder: Path,
    command: str,
    found: Sequence[Found],
    mended: Sequence[Mended],
    kept: Sequence[Mended],
    pipe: UAREPipeline,
) -> None:
    """Writes README.md with its tables, and the pictures that it shows."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = _heat_maps(folder, found, pipe)
    best = max(mended, key=lambda one: one.harmed[2] - one.harmed[0])
    triples = [_triple(folder, one) for one in (best, kept[0])]
    parts = [
        "# Regions: what is found, and what is left alone\n",
        f"Generated; do not edit. Made by:\n\n    {command}\n",
        "Means with 95 % bootstrap intervals, drawn over photos.\n",
        _regions_table(found),
        _types_table(found),
        *shown,
        _adaptive_table(mended, kept),
        *triples,
        _quoted_table(),
    ]
    page = "\n".join(parts)
    write_atomically(folder / "README.md", lambda file: file.write(page.encode()), overwrite=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _regions_table(found: Sequence[Found]) -> str:
    photos = [one.case.photo for one in found]

    def cell(value: Callable[[Found], float], scale: float = 1, decimals: int = 2) -> str:
        return mean([value(one) for one in found], photos).text(decimals, scale)

    rows = [
        [
            f"worst by {name}",
            cell(_of("iou", name)),
            cell(_of("hit", name), 100, 0),
        ]
        for name in WORST_BY
    ]
    rows.append(["a region drawn at random", "", cell(lambda one: one.chance_hit, 100, 0)])
    rows.append(["the region that fits best", cell(lambda one: one.best_iou), ""])
    rows.append([f"all of {ADAPTIVE_REGIONS} that ask for repair", cell(lambda one: one.asked_iou), ""])
    given = cell(lambda one: one.given_hit, 100, 0)
    return (
        f"## Does the worst region overlap the harmed one?\n\n{len(found)} pictures: one half or a disc of a "
        "photo harmed by one type at severity 2 or 4. A hit lies mostly inside the harmed part.\n\n"
        + _table(["region", "IoU with the harmed part", "hits, %"], rows)
        + f"\nWhere the harmed part itself is given as a mask, it scores below the rest in {given} % of the "
        "pictures; what is missing above to that is the segmentation's doing.\n"
    )


def _of(what: str, name: str) -> Callable[[Found], float]:
    """Reads `iou` or `hit` by the name of what the worst region is looked for by."""
    return lambda one: getattr(one, what)[name]


def _types_table(found: Sequence[Found]) -> str:
    name = TOLD
    rows = []
    for kind in dict.fromkeys(one.case.type for one in found):
        of_kind = [one for one in found if one.case.type == kind]
        photos = [one.case.photo for one in of_kind]
        rows.append(
            [
                kind,
                mean([one.iou[name] for one in of_kind], photos).text(2),
                mean([one.hit[name] for one in of_kind], photos).text(0, 100),
                mean([one.given_hit for one in of_kind], photos).text(0, 100),
                mean([one.best_iou for one in of_kind], photos).text(2),
                mean([one.asked_iou for one in of_kind], photos).text(2),
                str(len(of_kind)),
            ]
        )
    head = [
        "type",
        "IoU",
        "hits, %",
        "part given: below the rest, %",
        "best possible IoU",
        "IoU of all that ask",
        "n",
    ]
    return f"By type, worst by {name}:\n\n" + _table(head, rows)


def _adaptive_table(mended: Sequence[Mended], kept: Sequence[Mended]) -> str:
    def row(name: str, of: Sequence[Mended]) -> list[str]:
        photos = [one.name.split("-")[0].split(",")[0] for one in of]
        values = [[*one.harmed, *one.rest] for one in of]
        return [name, *(mean(column, photos).text(2) for column in zip(*values, strict=True)), str(len(of))]

    rows = [
        row(kind, [one for one in mended if one.group == kind])
        for kind in dict.fromkeys(one.group for one in mended)
    ]
    share = np.mean([one.rest[1] >= KEPT_DB for one in mended])
    gains = [one.harmed[2] - one.harmed[1] for one in mended]
    head = ["harm of one half", "input", "plain", "adaptive", "rest, plain", "rest, adaptive", "n"]
    field = [
        [one.name, f"{one.harmed[1]:.2f}", f"{one.harmed[2]:.2f}", f"{one.rest[0]:.2f}", f"{one.rest[1]:.2f}"]
        for one in kept
    ]
    return (
        f"## Adaptive restoration\n\nPSNR in dB against the original, in the harmed half (severity "
        f"{ADAPTIVE_SEVERITY}) and in the rest; 99 where nothing changed.\n\n"
        + _table(head, rows)
        + f"\nThe rest stays at {KEPT_DB:.0f} dB or more in {share:.0%} of the pictures. In the harmed half "
        f"adaptive differs from plain by {np.mean(gains):+.2f} dB on average, {min(gains):+.2f} dB at worst."
        "\n\nPhotos with their background out of focus, restored, in dB against the photo itself: what "
        "should be left alone.\n\n"
        + _table(
            ["photo", "subject, plain", "subject, adaptive", "background, plain", "background, adaptive"],
            field,
        )
    )


def _quoted_table() -> str:
    return (
        "## Quoted\n\nOf RSFIQA (arXiv 2508.07818), a scorer trained on people's opinions; nothing here "
        "measures the same.\n\n" + _table(["test", "PLCC/SRCC"], [list(row) for row in QUOTED])
    )


def _heat_maps(folder: Path, found: Sequence[Found], pipe: UAREPipeline) -> list[str]:
    """One hit and one miss beside their harmed pictures, as lines of the page."""
    name = TOLD
    lines = []
    for label, wanted in (("hit", 1.0), ("miss", 0.0)):
        those = [one for one in found if one.hit[name] == wanted]
        if not those:
            continue
        # the clearest of each
        case = max(
            those, key=lambda one: (one.iou[name] if wanted else one.case.severity, one.case.name)
        ).case
        regions = pipe.assess(pixels_of(case.picture), regions=True).regions or ()
        picture = Image.fromarray(to_bytes(case.picture))
        sheet = _beside([np.asarray(picture), np.asarray(heat_map(picture, regions))])
        path = _write(sheet, folder / f"{label}.webp")
        where = "one half" if case.shape == HALF else "a disc"
        lines.append(
            f"![{case.name}: harmed picture and its regions]({path.name})\n\n"
            f"A {label}: {case.type} of severity {case.severity} in {where} of {case.photo}.\n"
        )
    return lines


def _triple(folder: Path, one: Mended) -> str:
    path = _write(
        _beside([to_bytes(picture) for picture in one.pictures]),
        folder / f"{one.group}.webp".replace(" ", "-"),
    )
    return f"![{one.name}: input, plain, adaptive]({path.name})\n\n{one.name}: input, plain, adaptive.\n"


def _beside(pictures: Sequence[NDArray[np.uint8]]) -> Image.Image:
    gap = np.full((pictures[0].shape[0], 4, 3), 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)][:-1]
    return Image.fromarray(np.concatenate(parts, axis=1))


def _write(picture: Image.Image, path: Path) -> Path:
    """Writes WebP of the best quality that stays below `PICTURE_BYTES`."""
    for quality in (90, 80, 70, 50):
        content = BytesIO()
        picture.save(content, format="WEBP", quality=quality)
        if content.tell() <= PICTURE_BYTES:
            break
    write_atomically(path, lambda file: file.write(content.getvalue()), overwrite=True)
    return path
