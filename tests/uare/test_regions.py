"""Regions: how masks divide a photo, how it is divided without a network, and what is said of the parts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

from tests.uare.command_line import Command
from tests.uare.pictures import random_array, smooth_pixels
from tests.uare.tiny import tiny_uare_model
from uare.assess import assess_photo
from uare.assess_regions import assess_regions, labels_of_masks, region_scores
from uare.cache import ContextCache
from uare.errors import CheckpointError, InputError
from uare.experts.regions import colour_of, heat_map, innermost, region_views
from uare.model import UAREModel
from uare.packing import patchify_image
from uare.partition import box_of, partition_of_masks
from uare.pipeline import UAREPipeline
from uare.results import Region
from uare.segmenter import SamSegmenter
from uare.superpixels import superpixel_regions
from uare.tokenizer import TextTokenizer
from uare.vocabulary import DIMENSIONS

pytestmark = pytest.mark.usefixtures("short_texts")
Mask = NDArray[np.bool_]


def mask_of(*rows: str) -> Mask:
    """A mask drawn with # and dots."""
    return np.array([[mark == "#" for mark in row] for row in rows])


def parts(labels: NDArray[np.integer]) -> set[bytes]:
    """A partition whatever its numbers: the set of its masks."""
    return {(labels == index).tobytes() for index in np.unique(labels)}


# --- the partition (eq. 5)

LEFT = mask_of("##..", "##..", "##..", "##..")
TOP = mask_of("####", "....", "....", "....")
CORNER = mask_of("....", "....", "...#", "...#")
EMPTY, FULL = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)


def test_a_pixel_in_two_masks_goes_to_the_surer_one_and_what_none_has_is_the_background() -> None:
    labels = partition_of_masks(np.stack([LEFT, TOP, CORNER]), [0.9, 0.95, 0.91])
    assert labels.tolist() == [[0, 0, 0, 0], [2, 2, 3, 3], [2, 2, 3, 1], [2, 2, 3, 1]]


def test_the_order_of_masks_does_not_matter_and_empty_and_full_ones_are_left_out() -> None:
    masks, scores = [LEFT, TOP, CORNER, EMPTY, FULL], [0.9, 0.9, 0.9, 0.99, 0.98]
    expected = parts(partition_of_masks(np.stack(masks[:3]), scores[:3]))
    for order in itertools.permutations(range(5)):
        labels = partition_of_masks(np.stack([masks[i] for i in order]), [scores[i] for i in order])
        assert parts(labels) == expected


def test_only_the_surest_masks_are_kept() -> None:
    masks = [mask_of(*("".join("#" if x == place else "." for x in range(8)),) * 8) for place in range(8)]
    labels = partition_of_masks(np.stack(masks), [0.1 * place for place in range(8)])
    assert labels[0].tolist() == [4, 4, 4, 4, 3, 2, 1, 0]


def test_near_duplicates_are_one_region() -> None:
    wide = np.zeros((10, 10), dtype=bool)
    wide[:, :6] = True
    nearly = wide.copy()
    nearly[0, 5] = False
    assert len(parts(partition_of_masks(np.stack([wide, nearly]), [0.9, 0.8]))) == 2


def test_without_masks_the_photo_is_one_region() -> None:
    assert partition_of_masks(np.zeros((0, 3, 5), dtype=bool), []).tolist() == [[0] * 5] * 3


# --- superpixels


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 300), (300, 2), (70, 90)])
def test_superpixels_cover_any_photo_with_at_most_five_connected_regions(size: tuple[int, int]) -> None:
    from scipy.ndimage import label

    pixels = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    labels = superpixel_regions(pixels)
    assert labels.shape == size
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert labels.max() < 5
    assert all(label(labels == index)[1] == 1 for index in range(labels.max() + 1))
    assert np.array_equal(labels, superpixel_regions(pixels))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (200, 130)])
def test_a_photo_of_one_colour_is_one_region(size: tuple[int, int]) -> None:
    assert superpixel_regions(torch.full((3, *size), 0.4)).max() == 0


def test_colours_and_textures_divide_a_photo() -> None:
    pixels = torch.full((3, 96, 128), 0.5)
    pixels[0, :, 64:] = 0.9  # red on the right
    assert (superpixel_regions(pixels)[:, 64:] != superpixel_regions(pixels)[0, 0]).mean() > 0.97
    noise = torch.rand(1, 96, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    textured = torch.full((3, 96, 128), 0.5)
    textured[:, :, :64] += 0.2 * noise
    labels = superpixel_regions(textured)
    assert np.unique(labels[8:-8, 76:]).size == 1
    assert labels[48, 100] not in np.unique(labels[:, :52])


def test_a_large_photo_read_in_part_is_divided_as_one_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.full((3, 900, 1200), 0.5)
    pixels[0, :, 600:] = 0.9
    pixels[:, 450:, :600] += 0.2 * (torch.rand(1, 450, 600, generator=torch.Generator().manual_seed(0)) - 0.5)
    sampled = superpixel_regions(pixels, 3)
    monkeypatch.setattr("uare.superpixels.CELL_PX", 8)  # of a pixel of the reduced picture, all is read
    whole = superpixel_regions(pixels, 3)
    overlaps = [max(iou(sampled == a, whole == b) for b in range(3)) for a in range(3)]
    assert min(overlaps) > 0.9
    assert sampled.flags.c_contiguous  # all that counts pixels later is several times slower otherwise


def test_twelve_megapixels_are_divided_on_a_reduced_picture() -> None:
    pixels = torch.zeros(1, 3000, 4000).expand(3, -1, -1).clone()
    pixels[:, :1500] = 0.8
    labels = superpixel_regions(pixels)
    assert labels.shape == (3000, 4000)
    assert labels[0, 0] != labels[-1, 0]


# --- what is said of the parts


def test_one_region_of_all_is_said_of_as_the_whole_photo_is() -> None:
    pipe = UAREPipeline.from_pretrained(device="cpu", dtype="float32")  # its levels are words of one token
    pixels = smooth_pixels(64, 96)
    whole = assess_photo(pipe.model, pipe.tokenizer, pixels)
    labels = np.zeros((64, 96), dtype=np.uint8)
    ((overall, levels),) = region_scores(pipe.model, pipe.tokenizer, pixels, labels)
    assert overall == pytest.approx(whole.score, abs=1e-4)
    for name, attribute in DIMENSIONS.items():
        assert levels[name] == pytest.approx(whole.attributes[attribute], abs=1e-4)


def test_a_region_does_not_depend_on_pixels_outside_it(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:, 32:] = 1  # on the grid of the patches
    pixels = smooth_pixels(48, 64)
    changed = pixels.clone()
    changed[:, :, 32:] = 0.1
    before, after = (region_scores(tiny_model, tiny_tokenizer, one, labels) for one in (pixels, changed))
    assert before[0][0] == pytest.approx(after[0][0], abs=1e-5)
    assert before[1][0] != pytest.approx(after[1][0], abs=1e-5)


def test_regions_do_not_depend_on_their_numbers(tiny_model: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    pixels, labels = smooth_pixels(48, 64), np.zeros((48, 64), dtype=np.uint8)
    labels[:16], labels[32:] = 1, 2
    for one, other in zip(
        assess_regions(tiny_model, tiny_tokenizer, pixels, labels),
        assess_regions(tiny_model, tiny_tokenizer, pixels, np.array([2, 0, 1], dtype=np.uint8)[labels]),
        strict=True,
    ):
        assert one.box == other.box
        assert np.array_equal(one.mask, other.mask)
        assert one.levels == pytest.approx(other.levels, abs=1e-4)


def test_views_share_the_patches_out_and_a_region_without_one_gets_its_best(tiny_model: UAREModel) -> None:
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:, 32:] = 1
    labels[2:5, 2:5] = 2  # smaller than a patch of 8 px
    left, right, speck = region_views(smooth_pixels(48, 64), labels, tiny_model.config)
    assert left.places is not None and right.places is not None and speck.places is not None
    assert sorted([*left.places.tolist(), *right.places.tolist()]) == list(range(48))
    assert speck.places.tolist() == [0]


def test_views_hold_the_patches_that_the_whole_photo_has_at_their_places(tiny_model: UAREModel) -> None:
    pixels, labels = smooth_pixels(48, 64), np.zeros((48, 64), dtype=np.uint8)
    labels[12:40, 20:50] = 1
    patches = patchify_image((pixels - 0.5) / 0.5, 8)
    for view in region_views(pixels, labels, tiny_model.config):
        assert view.grid == (6, 8) and view.places is not None
        assert torch.equal(view.patches, patches[view.places])


def test_a_patch_belongs_to_the_region_with_more_of_its_pixels(tiny_model: UAREModel) -> None:
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:, 37:] = 1  # three of eight columns of the fifth patch
    _, right = region_views(smooth_pixels(48, 64), labels, tiny_model.config)
    assert right.places is not None and set((right.places % 8).tolist()) == {5, 6, 7}
    labels[:, 35:] = 1
    _, right = region_views(smooth_pixels(48, 64), labels, tiny_model.config)
    assert right.places is not None and set((right.places % 8).tolist()) == {4, 5, 6, 7}


def test_a_region_outside_the_middle_of_a_large_photo_is_seen(tiny_model: UAREModel) -> None:
    config = tiny_model.config
    limits = config.assess_transform
    pixels = torch.zeros(3, 200, 300)
    pixels[:, 150:, 250:] = 1.0
    labels = np.zeros((200, 300), dtype=np.uint8)
    labels[150:, 250:] = 1
    from copy import copy
    from dataclasses import replace

    cutting = copy(config)
    cutting.assess_transform = replace(limits, cuts=True)
    _, corner = region_views(pixels, labels, cutting)
    assert corner.patches.mean() > 0.9  # white, in [-1, 1]


def test_masks_are_the_regions_where_they_are_given(tiny_pipeline: UAREPipeline) -> None:
    photo, mask = random_array(40, 60), np.zeros((40, 60), dtype=np.uint8)
    mask[:, :20] = 255
    first, second = tiny_pipeline.assess(photo, regions=[mask]).regions or ()
    assert (first.box, second.box) == ((20, 0, 60, 40), (0, 0, 20, 40))
    assert first.area + second.area == pytest.approx(1)


@pytest.mark.parametrize("describes", [True, False])
def test_only_a_model_that_describes_regions_gives_them_words(
    tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch, describes: bool
) -> None:
    def write(_: UAREModel, context: ContextCache, most_tokens: int) -> list[list[int]]:
        texts = [f"Quality: A wall of {place + 1} bricks. It shows slight blur." for place in range(2)]
        assert context.num_samples == len(texts)
        return [tiny_tokenizer.encode(text) for text in texts]

    monkeypatch.setattr("uare.assess_regions.generate", write)
    model = tiny_uare_model()
    model.config.describes_regions = describes
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:, 24:] = 1  # the larger one, which comes first
    found = assess_regions(model, tiny_tokenizer, smooth_pixels(48, 64), labels)
    expected = ["A wall of 2 bricks.", "A wall of 1 bricks."] if describes else [None, None]
    assert [one.content for one in found] == expected
    assert [one.to_dict()["content"] for one in found] == expected


def test_a_mask_that_does_not_fit_is_an_input_error(tiny_pipeline: UAREPipeline) -> None:
    with pytest.raises(InputError, match="30x20 px and its photo 60x40"):
        tiny_pipeline.assess(random_array(40, 60), regions=[np.ones((20, 30), dtype=np.uint8)])
    with pytest.raises(InputError, match="mask 1 has no white place"):
        labels_of_masks([np.zeros((4, 4), dtype=np.uint8)], (4, 4))


@pytest.mark.parametrize(
    "photo",
    [
        random_array(1, 1),
        random_array(8, 8),
        random_array(40, 60, channels=1)[..., 0],
        random_array(40, 60, channels=4),
        np.full((40, 60, 3), 90, dtype=np.uint8),
    ],
    ids=["1x1", "8x8", "grey", "rgba", "one colour"],
)
def test_any_photo_has_regions_that_cover_it_once(
    tiny_pipeline: UAREPipeline, photo: NDArray[np.uint8]
) -> None:
    regions = tiny_pipeline.assess(photo, regions=True).regions
    assert regions
    assert np.array_equal(sum(one.mask.astype(int) for one in regions), np.ones(photo.shape[:2]))
    assert sum(one.area for one in regions) == pytest.approx(1)
    assert all(1 <= one.overall <= 5 and set(one.levels) == set(DIMENSIONS) for one in regions)
    assert all(one.box == box_of(one.mask) for one in regions)


def test_the_score_of_the_photo_does_not_depend_on_its_regions(tiny_pipeline: UAREPipeline) -> None:
    photo = random_array(40, 60)
    plain, divided = tiny_pipeline.assess(photo), tiny_pipeline.assess(photo, regions=True)
    assert plain.regions is None
    assert plain.score == divided.score and plain.text == divided.text


# --- SAM


def tiny_sam(iou: float) -> SamModel:
    """Randomly initialised and small, and as sure of every mask as is asked for."""
    torch.manual_seed(0)
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=16, output_channels=8, num_hidden_layers=1, num_attention_heads=2, image_size=64,
            patch_size=8, num_pos_feats=4, mlp_dim=16, global_attn_indexes=[0], window_size=0,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=8, image_size=64, patch_size=8, mask_input_channels=2
        ),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=8, mlp_dim=16, num_hidden_layers=2, num_attention_heads=2, iou_head_hidden_dim=8
        ),
    )  # fmt: skip
    model = SamModel(config)
    with torch.no_grad():
        last = model.mask_decoder.iou_prediction_head.proj_out
        last.weight.zero_()
        last.bias.fill_(iou)
    return model


def test_sam_divides_a_photo_of_any_shape(tmp_path: Path) -> None:
    tiny_sam(iou=1.0).save_pretrained(tmp_path)
    segmenter = SamSegmenter.from_folder(tmp_path)
    pixels = torch.rand(3, 40, 70, generator=torch.Generator().manual_seed(0))
    masks, scores = segmenter.masks(pixels)
    assert masks.shape[1:] == (40, 70) and len(masks) == len(scores) > 0
    labels = segmenter(pixels)
    assert labels.shape == (40, 70) and labels.max() < 5


def test_a_segmenter_that_is_sure_of_nothing_leaves_one_region(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    pipe = UAREPipeline(tiny_model, tiny_tokenizer, segmenter=SamSegmenter(tiny_sam(iou=0.1)))
    (region,) = pipe.assess(random_array(40, 60), regions=True).regions or ()
    assert region.mask.all() and region.box == (0, 0, 60, 40)


def test_a_folder_without_sam_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        SamSegmenter.from_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="SAM"):
        SamSegmenter.from_folder(tmp_path)


# --- the heat map


def region(mask: Mask, overall: float) -> Region:
    levels = dict.fromkeys(DIMENSIONS, overall) | {"noise": 1.0}
    return Region(mask=mask, box=box_of(mask), area=float(mask.mean()), overall=overall, levels=levels)


def test_a_heat_map_is_red_where_it_is_bad_and_blue_where_it_is_good() -> None:
    left = np.zeros((120, 200), dtype=bool)
    left[:, :100] = True
    picture = np.asarray(
        heat_map(Image.new("RGB", (200, 120), (128, 128, 128)), [region(left, 1.2), region(~left, 4.8)])
    )
    assert picture.shape == (120, 200, 3)
    bad, good = picture[10, 10].astype(int), picture[10, 190].astype(int)
    assert bad[0] > bad[2] + 50 and good[2] > good[0] + 50
    assert colour_of(0.0) == colour_of(1.0) and colour_of(9.0) == colour_of(5.0)


def test_a_heat_map_refuses_regions_of_another_photo() -> None:
    with pytest.raises(InputError, match="does not fit"):
        heat_map(Image.new("RGB", (30, 20)), [region(np.ones((20, 20), dtype=bool), 3.0)])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (8, 8)])
def test_a_heat_map_of_a_tiny_photo_has_its_size(size: tuple[int, int]) -> None:
    picture = heat_map(Image.new("L", size), [region(np.ones(size[::-1], dtype=bool), 3.0)])
    assert picture.size == size


def test_the_innermost_point_lies_in_the_region_far_from_its_border() -> None:
    ring = np.ones((60, 60), dtype=bool)
    ring[20:40, 20:40] = False
    (x, y), radius = innermost(ring)
    assert ring[int(y), int(x)]
    assert 10 <= radius <= 14  # steps along rows and columns


# --- the command


def test_the_command_draws_regions_beside_the_report(uare: Command, photos: Path, tmp_path: Path) -> None:
    found = uare("assess", photos / "a.png", "--regions", "-o", tmp_path, "--json").results[0]
    assert found["heat_map"] == str(tmp_path / "a_regions.png")
    with Image.open(found["heat_map"]) as drawn, Image.open(photos / "a.png") as photo:
        assert drawn.size == photo.size
    assert sum(one["area"] for one in found["assessment"]["regions"]) == pytest.approx(1, abs=1e-3)


def test_the_command_replaces_its_own_pictures_and_never_a_photo(uare: Command, photos: Path) -> None:
    for _ in range(2):  # the second time the first one's pictures lie among the photos
        ran = uare("assess", photos, "--regions", "-o", photos, "--json")
        assert ran.code == 0 and len(ran.results) == 3
    Image.new("RGB", (9, 9)).save(photos / "a_regions.png")
    ran = uare("assess", photos / "a.png", "--regions", "-o", photos, "--json")
    assert ran.code == 1
    assert "is no picture of regions" in ran.document["failures"][0]["error"]


def test_photos_of_one_name_need_separate_outputs_only_where_regions_are_drawn(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "a").mkdir()
    Image.new("RGB", (20, 20)).save(photos / "a" / "a.png")
    named = (photos / "a.png", photos / "a" / "a.png", photos / "a" / "a.png", "-o", tmp_path / "out")
    assert uare("assess", *named).code == 0
    Image.new("RGB", (20, 20)).save(photos / "a" / "b.png")
    ran = uare("assess", photos / "b.jpg", photos / "a" / "b.png", "-o", tmp_path / "other", "--regions")
    assert ran.code == 0
    assert {path.name for path in (tmp_path / "other").glob("*.png")} == {
        "b_regions.png",
        "b_png_regions.png",
    }


def test_the_command_names_a_mask_that_does_not_fit(uare: Command, photos: Path, tmp_path: Path) -> None:
    Image.new("L", (9, 9), 255).save(tmp_path / "mask.png")
    ran = uare("assess", photos / "a.png", "--region-mask", tmp_path / "mask.png", "--json")
    assert ran.code == 1 and "draw the mask at the photo's size" in ran.document["failures"][0]["error"]


def test_the_command_shows_a_table_of_regions(uare: Command, photos: Path) -> None:
    out = uare("assess", photos / "a.png", "--regions").out
    assert "region (x0, y0, x1, y1)" in out and "artefact" in out


# --- adaptive restoration


def test_only_what_asks_for_repair_is_restored(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = smooth_pixels(64, 96)

    def judged(_model: object, _tokenizer: object, pixels: Tensor, _labels: object) -> tuple[Region, ...]:
        left = np.zeros(tuple(pixels.shape[-2:]), dtype=bool)
        left[:, :48] = True
        return region(left, 5.0), region(~left, 1.0)

    monkeypatch.setattr("uare.pipeline.assess_regions", judged)
    options: Any = {"analyse": False, "verify": False, "fidelity": 0.0}
    plain = restoring_pipeline.restore_photo(photo, **options).pixels
    adaptive = restoring_pipeline.restore_photo(photo, adaptive=True, **options).pixels
    assert torch.equal(adaptive[..., :36], photo[..., :36])
    assert not torch.equal(adaptive[..., 60:], photo[..., 60:])
    assert torch.equal(adaptive[..., 60:], plain[..., 60:])


def test_an_adaptive_restoration_cannot_enlarge(restoring_pipeline: UAREPipeline) -> None:
    with pytest.raises(InputError, match="adaptive"):
        restoring_pipeline.restore(smooth_pixels(32, 32), adaptive=True, upscale=2)
