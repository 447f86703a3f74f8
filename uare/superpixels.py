"""Regions of a photo without a network: superpixels, merged by colour and texture.

SLIC (Achanta et al. 2012) on a reduced picture, then Ward's merging of neighbours. Texture counts beside
colour, because what is sharp and what is blurred is often of one colour.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from uare.colour import luma
from uare.partition import LEAST_AREA, NUM_REGIONS, Labels, renumbered

LONG_SIDE_PX = 160  # of the reduced picture
CELL_PX = 4  # of a larger photo this many rows and columns stand for each pixel of the reduced picture
NUM_SUPERPIXELS = 150
COMPACTNESS = 0.4  # weight of a superpixel's side in the distance, in units of the features
NUM_ROUNDS = 5
COLOUR_SCALE = 4.0  # OKLab to features: a clear difference of colour is 1
TEXTURE_SCALE = 1.0  # per doubling of the fine detail; half of it parts harmed halves worse (measured)
TEXTURE_FLOOR = 1 / 255
TEXTURE_WINDOW = 7  # of the reduced picture's pixels, over which detail is averaged
NEGLIGIBLE = 1e-3  # squared features per pixel of the photo: what differs by less is one region

Features = NDArray[np.float32]  # (F, h, w)


def superpixel_regions(pixels: Tensor, num_regions: int = NUM_REGIONS) -> Labels:
    """Labels (H, W) of an image (3, H, W) in [0, 1]: at most `num_regions` regions, each connected.

    A picture of one colour is one region.
    """
    height, width = pixels.shape[-2:]
    features = _features(pixels)
    pieces = _connected(_slic(features))
    labels = _merged(features, pieces, num_regions)
    rows = np.arange(height) * labels.shape[0] // height
    columns = np.arange(width) * labels.shape[1] // width
    return labels[:, columns][rows]  # this order is the fast one


def _features(pixels: Tensor) -> Features:
    """Colour and detail (4, h, w) of an image (3, H, W), at the size of the reduced picture."""
    image = pixels.cpu()[None]
    scale = min(1.0, LONG_SIDE_PX / max(image.shape[-2:]))
    height, width = (max(1, round(side * scale)) for side in image.shape[-2:])
    if min(image.shape[-2] // height, image.shape[-1] // width) > CELL_PX:
        colour, detail = _sampled(image, height, width)
    else:
        image = image.float()
        colour = F.interpolate(image, (height, width), mode="area")
        detail = F.interpolate(_detail(image), (height, width), mode="area")
    texture = TEXTURE_SCALE * torch.log2(_mean(detail, TEXTURE_WINDOW) + TEXTURE_FLOOR)
    return torch.cat([COLOUR_SCALE * _oklab(_mean(colour, 3)), texture], dim=1)[0].numpy()


def _sampled(image: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Colour (1, 3, h, w) and detail (1, 1, h, w) of a large image, from the middle pixels of each cell."""
    rows, columns = _middles(image.shape[-2], height), _middles(image.shape[-1], width)
    cells = image[:, :, rows[:, None], columns].float()  # (1, 3, h * CELL_PX, w * CELL_PX)
    detail = _detail(cells).unflatten(-1, (width, CELL_PX)).unflatten(-3, (height, CELL_PX))
    inner = slice(1, CELL_PX - 1)  # pixels at the border of a cell have neighbours of another
    return F.avg_pool2d(cells, CELL_PX), detail[..., inner, :, inner].mean(dim=(-3, -1))


def _middles(side: int, num_cells: int) -> Tensor:
    """Indices (num_cells * CELL_PX,) of the lines in the middle of each cell, of `side` lines."""
    centres = (2 * torch.arange(num_cells) + 1) * side // (2 * num_cells)
    return (centres[:, None] - CELL_PX // 2 + torch.arange(CELL_PX)).flatten()


def _detail(image: Tensor) -> Tensor:
    """How far each pixel's luma (1, 1, H, W) lies from the mean of its neighbours."""
    grey = luma(image)
    return (grey - _mean(grey, 3)).abs_()


def _mean(image: Tensor, window: int) -> Tensor:
    """Mean over windows of an odd side, cut at the borders."""
    return F.avg_pool2d(image, window, 1, window // 2, count_include_pad=False)


def _oklab(image: Tensor) -> Tensor:
    """OKLab (1, 3, h, w) of sRGB in [0, 1] (Ottosson 2020)."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    cones = image.new_tensor([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    opponents = image.new_tensor(
        [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    )
    answers = torch.einsum("ij,bjhw->bihw", cones, linear).clamp(min=0) ** (1 / 3)
    return torch.einsum("ij,bjhw->bihw", opponents, answers)


def _slic(features: Features) -> NDArray[np.int64]:
    """Superpixels (h, w): k-means over features and place, in which a pixel chooses among nine neighbours."""
    _, height, width = features.shape
    side = max(1.0, math.sqrt(height * width / NUM_SUPERPIXELS))
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    y, x = np.mgrid[:height, :width]
    place = np.stack([y, x]).astype(np.float32) * np.float32(COMPACTNESS / side)
    points = np.concatenate([features, place]).reshape(-1, height * width)  # (F + 2, n)
    row, column = (y * rows // height).ravel(), (x * columns // width).ravel()
    choices = [
        (row + dy).clip(0, rows - 1) * columns + (column + dx).clip(0, columns - 1)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    chosen = row * columns + column
    for _ in range(NUM_ROUNDS):
        centres = _means(points, chosen, rows * columns).astype(np.float32)
        nearest = np.full(height * width, np.inf, dtype=np.float32)
        for choice in choices:
            # one feature after another: six times faster than points with all of theirs
            distance = sum(
                np.square(point - centre[choice]) for point, centre in zip(points, centres, strict=True)
            )
            is_nearer = distance < nearest
            np.copyto(nearest, distance, where=is_nearer)
            np.copyto(chosen, choice, where=is_nearer)
    return chosen.reshape(height, width)


def _means(points: NDArray[np.float32], group: NDArray[np.integer], num_groups: int) -> NDArray[np.float64]:
    """Mean of each group's points (F, num_groups); of an empty one infinity, which nobody chooses."""
    counts = np.bincount(group, minlength=num_groups)
    sums = [np.bincount(group, weights=feature, minlength=num_groups) for feature in points]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts > 0, np.stack(sums) / counts, np.inf)


def _connected(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected pieces (h, w) of equal labels, counted from 0."""
    pieces = np.arange(labels.size).reshape(labels.shape)
    down, right = labels[1:] == labels[:-1], labels[:, 1:] == labels[:, :-1]
    while True:
        before = pieces.copy()
        for left, other, same in (
            (pieces[:-1], pieces[1:], down),
            (pieces[:, :-1], pieces[:, 1:], right),
        ):
            least = np.minimum(left, other)
            np.copyto(left, least, where=same)
            np.copyto(other, least, where=same)
        pieces = pieces.ravel()[pieces]  # a jump to the piece of the least pixel known so far
        if np.array_equal(pieces, before):
            return np.unique(pieces, return_inverse=True)[1].reshape(labels.shape)


def _merged(features: Features, pieces: NDArray[np.int64], num_regions: int) -> Labels:
    """Labels (h, w): neighbours joined, cheapest first by Ward's cost, until few large ones are left."""
    group = pieces.ravel()
    num_pieces = int(group.max()) + 1
    # lists, since they are faster than arrays where one number is read at a time
    size = np.bincount(group).astype(np.float64).tolist()
    mean = _means(features.reshape(-1, len(group)), group, num_pieces).T.tolist()
    neighbours = _neighbours(pieces, num_pieces)
    joined_to = np.arange(num_pieces)
    alive = set(range(num_pieces))

    def cost(a: int, b: int) -> float:
        apart = sum((one - other) ** 2 for one, other in zip(mean[a], mean[b], strict=True))
        return size[a] * size[b] / (size[a] + size[b]) * apart

    heap = [(cost(a, b), a, b, size[a], size[b]) for a in alive for b in neighbours[a] if a < b]
    heapq.heapify(heap)
    least_size = LEAST_AREA * len(group)
    while heap:
        price, a, b, size_a, size_b = heapq.heappop(heap)
        if a not in alive or b not in alive or (size_a, size_b) != (size[a], size[b]):
            continue  # one of them has grown since
        is_small = min(size_a, size_b) < least_size
        if len(alive) <= num_regions and price > NEGLIGIBLE * len(group) and not is_small:
            continue
        both = size[a] + size[b]
        mean[a] = [
            (size[a] * one + size[b] * other) / both for one, other in zip(mean[a], mean[b], strict=True)
        ]
        size[a] = both
        alive.remove(b)
        joined_to[b] = a
        neighbours[a] = (neighbours[a] | neighbours[b]) - {a, b}
        for other in neighbours[a]:
            neighbours[other] = neighbours[other] - {b} | {a}
            heapq.heappush(heap, (cost(a, other), a, other, size[a], size[other]))
    while not np.array_equal(joined_to, joined_to[joined_to]):
        joined_to = joined_to[joined_to]
    return renumbered(joined_to[pieces])


def _neighbours(pieces: NDArray[np.int64], num_pieces: int) -> list[set[int]]:
    """The pieces that touch each piece."""
    pairs = np.concatenate(
        [
            np.stack([pieces[:-1].ravel(), pieces[1:].ravel()], axis=1),
            np.stack([pieces[:, :-1].ravel(), pieces[:, 1:].ravel()], axis=1),
        ]
    )
    found: list[set[int]] = [set() for _ in range(num_pieces)]
    for a, b in np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).tolist():
        found[a].add(b)
        found[b].add(a)
    return found
