"""Tiles cover every picture, add up to it exactly, and leave no seam."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from uare.errors import InputError
from uare.tiling import Canvas, blend, crop, cut_tile, mirrored_indices, pad_to_multiple, plan_tiles

SIDES = st.integers(1, 700)


@settings(max_examples=50, deadline=None)
@given(height=SIDES, width=SIDES, tile=st.sampled_from([64, 96, 256]), overlap=st.sampled_from([0, 8, 16]))
def test_windows_of_any_plan_sum_to_one(height: int, width: int, tile: int, overlap: int) -> None:
    plan = plan_tiles(height, width, tile, overlap)
    ones = torch.ones(1, *plan.tile_size)
    total = blend((ones for _ in plan.boxes), plan, channels=1)
    assert torch.allclose(total, torch.ones(1, height, width), atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(height=SIDES, width=SIDES, overlap=st.integers(0, 32))
def test_tiles_are_equal_on_the_grid_and_overlap_as_asked(height: int, width: int, overlap: int) -> None:
    plan = plan_tiles(height, width, tile=96, overlap=overlap)
    for x0, y0, x1, y1 in plan.boxes:
        assert (y1 - y0, x1 - x0) == plan.tile_size
        assert (x0 % 16, y0 % 16) == (0, 0)
    for starts, side, length in (
        (plan.row_starts, plan.tile_size[0], height),
        (plan.column_starts, plan.tile_size[1], width),
    ):
        steps = [after - before for before, after in itertools.pairwise(starts)]
        assert all(0 < step <= side - overlap for step in steps)
        assert 0 <= starts[-1] + side - length < 16


@pytest.mark.parametrize("size", [(1, 1), (20, 20_000), (256, 256), (300, 451), (257, 900)])
def test_cut_and_blended_a_picture_is_itself(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    plan = plan_tiles(*size, tile=256, overlap=32)
    blended = blend((cut_tile(image, box) for box in plan.boxes), plan)
    assert torch.allclose(blended, image, atol=1e-6)


def test_a_local_filter_gives_the_same_picture_tiled_and_whole(chelsea: Tensor) -> None:
    kernel = torch.full((3, 1, 5, 5), 1 / 25)

    def blurred(image: Tensor) -> Tensor:
        return F.conv2d(F.pad(image[None], (2, 2, 2, 2), mode="replicate"), kernel, groups=3)[0]

    image = chelsea[0]
    plan = plan_tiles(300, 451, tile=128, overlap=32)
    tiled = blend((blurred(cut_tile(image, box)) for box in plan.boxes), plan)
    difference = (tiled - blurred(image)).abs()[:, :-2, :-2]  # the picture's own edge is padded differently
    # Only the outermost 2 px of a tile are wrong, by less than 1, and there a window of 32 px is below 0.006.
    assert difference.max() < 0.006


def test_tiles_that_come_out_lighter_and_darker_leave_no_seam(coffee: Tensor) -> None:
    overlap = 32
    plan = plan_tiles(400, 600, tile=160, overlap=overlap)
    num_columns = len(plan.column_starts)

    def uneven(picture: Tensor) -> Tensor:
        """Blended tiles of which every other one is 0.1 lighter, like the squares of a chessboard."""
        tiles = [cut_tile(picture, box) for box in plan.boxes]
        offsets = [0.1 * ((index // num_columns + index) % 2) for index in range(len(tiles))]
        return blend((tile + offset for tile, offset in zip(tiles, offsets, strict=True)), plan)

    seams = uneven(torch.zeros(3, 400, 600))
    steepest = max(seams.diff(dim=-1).abs().max().item(), seams.diff(dim=-2).abs().max().item())
    # A raised cosine over n px rises by at most π/2n a pixel; where rows and columns meet, no more.
    assert steepest <= 1.01 * torch.pi / 2 * 0.1 / overlap
    assert steepest < 1.3 / 255

    photo = coffee[0]
    tiled = uneven(photo)
    for x in plan.column_starts[1:]:
        window = slice(x - 1, x + overlap)
        assert (
            tiled.diff(dim=-1)[..., window].abs().max()
            <= photo.diff(dim=-1)[..., window].abs().max() + steepest
        )


def test_the_borders_of_the_picture_belong_to_their_tiles_alone() -> None:
    plan = plan_tiles(64, 200, tile=64, overlap=16)
    first, last = plan.column_windows[0], plan.column_windows[plan.column_starts[-1]]
    assert first[0] == last[-1] == 1
    assert first[-1] < 0.01
    assert last[0] < 0.01


def test_any_side_is_mirrored_to_a_multiple_and_cropped_back() -> None:
    for size in ((1, 1), (5, 33), (16, 16), (20, 2)):
        image = torch.rand(2, 3, *size)
        padded = pad_to_multiple(image, 16)
        assert (padded.shape[-2] % 16, padded.shape[-1] % 16) == (0, 0)
        assert torch.equal(crop(padded, size), image)


def test_mirroring_is_that_of_torch_and_goes_on_where_torch_stops() -> None:
    row = torch.arange(5.0)
    expected = F.pad(row[None, None], (0, 4), mode="reflect")[0, 0]
    assert torch.equal(row[mirrored_indices(0, 9, 5)], expected)
    assert mirrored_indices(0, 8, 3).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert mirrored_indices(0, 3, 1).tolist() == [0, 0, 0]


MEMORY_OF_TWELVE_MEGAPIXELS = """
import re, torch
from pathlib import Path
from uare.tiling import Canvas, plan_tiles
plan = plan_tiles(3000, 4000, tile=512, overlap=64)

def peak_mib():  # of this process alone; resource.ru_maxrss also counts that of the parent before exec
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

before = peak_mib()
canvas = Canvas(plan)
for box in plan.boxes:
    canvas.add(torch.ones(3, *plan.tile_size), box)
assert float(canvas.result().min()) > 0.999
print(peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_twelve_megapixels_need_their_result_and_a_few_tiles_of_memory(checkout: Path) -> None:
    command = [sys.executable, "-c", MEMORY_OF_TWELVE_MEGAPIXELS]
    printed = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout
    assert 137 <= float(printed) < 180  # MiB; the result is 3 x 3000 x 4000 float32 = 137 MiB


def test_a_tile_of_the_wrong_size_and_impossible_plans_are_refused() -> None:
    plan = plan_tiles(64, 64, tile=64, overlap=16)
    with pytest.raises(InputError, match="must keep their size"):
        Canvas(plan).add(torch.zeros(3, 128, 128), plan.boxes[0])
    with pytest.raises(InputError, match="half a tile"):
        plan_tiles(100, 100, tile=64, overlap=32)
    with pytest.raises(InputError, match="at least 1"):
        plan_tiles(0, 100, tile=64, overlap=16)
