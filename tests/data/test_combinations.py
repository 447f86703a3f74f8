"""FoundIR's combinations and the draws of the stages "single" and "multi"."""

import torch

from data.degradations import (
    COMBINATIONS,
    TYPES,
    apply_severities,
    degrade_with,
    draw_multi,
    draw_single,
    generator_for,
)
from data.degradations.chain import WORST_OF_COUNT

# What the words in FoundIR's folder names mean here.
WORDS = {
    "Blur": "blur",
    "Noise": "noise",
    "JPEG": "jpeg",
    "Lowlight": "lowlight",
    "Haze": "haze",
    "Rain": "rain",
    "Night": "lowlight",
}


def chosen_types(severities: torch.Tensor) -> list[tuple[str, ...]]:
    return [tuple(name for name, level in zip(TYPES, row, strict=True) if level > 0) for row in severities]


def test_there_are_thirteen_combinations_and_each_does_what_its_name_says() -> None:
    assert len({row.name for row in COMBINATIONS}) == 13
    for row in COMBINATIONS:
        words = row.name.replace("NightRain", "Night_Rain").split("_")
        assert {WORDS[word] for word in words} == set(row.types)


def test_types_of_a_combination_come_in_the_order_in_which_they_are_done() -> None:
    image = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    for row in COMBINATIONS:
        _, records = degrade_with(image, [row.types], [[2] * len(row.types)], generator_for(0, 0))
        assert tuple(record.type for record in records[0]) == row.types


def test_multi_draws_every_combination_and_nothing_else() -> None:
    drawn = chosen_types(draw_multi(400, torch.Generator().manual_seed(0)))
    assert set(drawn) == {row.types for row in COMBINATIONS}


def test_single_draws_one_type_each_and_all_of_them_about_equally_often() -> None:
    drawn = chosen_types(draw_single(700, torch.Generator().manual_seed(0)))
    counts = {name: drawn.count((name,)) for name in TYPES}
    assert sum(counts.values()) == 700
    # 100 expected, with a deviation of 9.3: four deviations.
    assert all(63 <= count <= 137 for count in counts.values())


def test_the_more_harms_the_milder_each() -> None:
    severities = draw_multi(600, torch.Generator().manual_seed(0))
    for number in (2, 3):
        levels = severities[(severities > 0).sum(1) == number]
        found = set(levels[levels > 0].round().int().tolist())
        assert found == set(range(1, WORST_OF_COUNT[number] + 1))


def test_what_is_drawn_is_what_is_done() -> None:
    images = torch.rand((5, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    severities = draw_multi(5, torch.Generator().manual_seed(3))
    _, records = apply_severities(images, severities, torch.Generator().manual_seed(0))
    done = [tuple(record.type for record in one) for one in records]
    assert done == chosen_types(severities)
