"""Too sharp, too much, too little: what a restorer did to detail, judged against the reference.

Detail is the part of luma between Gaussian blurs of 1 and 2 px: fine enough to be lost and invented, coarse
enough not to be sensor noise. Of the result's detail, what lies along the reference's is *kept* (1: just as
strong), the rest is *new*. Detail kept at more than its strength is over-sharpened, new detail is generated,
detail that is missing was not restored. `eval.generation_blind` judges without a reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scipy.ndimage import gaussian_filter

from eval.generation_cases import FAITHFUL, KINDS, OVER_GENERATED, OVER_SHARPENED, UNDER_GENERATED
from eval.metrics import Array
from eval.metrics.full_reference import check_pair, full_luma

FINE_PX, COARSE_PX = 1.0, 2.0
# In the middle of the gaps between made-up cases of each kind (tests/eval/test_generation.py).
LEAST_KEPT, MOST_KEPT, MOST_NEW = 0.7, 1.25, 0.25
_SMALLEST_ENERGY = (0.5 / 255) ** 2  # of a pixel: below half a grey level there is no detail to lose


@dataclass(frozen=True, kw_only=True)
class DetailVerdict:
    """What became of the detail of one picture."""

    kind: str  # one of KINDS
    kept: float  # strength of the reference's detail in the result, 1 is right
    new: float  # energy of detail that the reference has not, over the reference's; 0 is right

    @property
    def severity(self) -> float:
        """How far beyond its limit a fault goes, for ordering the worst cases; 0 for a faithful picture."""
        if self.kind == OVER_GENERATED:
            return _new_beside_sharpening(self.kept, self.new) / MOST_NEW
        if self.kind == OVER_SHARPENED:
            return self.kept / MOST_KEPT
        if self.kind == UNDER_GENERATED:
            return LEAST_KEPT / max(self.kept, 0.01)
        return 0.0


def judge_detail(result: Array, reference: Array) -> DetailVerdict:
    """Judges an (H, W, 3) result in [0, 1] by its reference of the same size; InputError on two sizes."""
    check_pair(result, reference, smallest_side=8)
    of_result, of_reference = detail(full_luma(result)), detail(full_luma(reference))
    floor = _SMALLEST_ENERGY * of_reference.size  # where there is no detail, none was lost
    energy = float((of_reference**2).sum()) + floor
    kept = (float((of_result * of_reference).sum()) + floor) / energy
    new = float(((of_result - kept * of_reference) ** 2).sum()) / energy
    return DetailVerdict(kind=_kind(kept, new), kept=kept, new=new)


def detail(luma: Array) -> Array:
    """The part (H, W) of a luma plane that is finer than 2 px and coarser than 1 px."""
    return gaussian_filter(luma, FINE_PX) - gaussian_filter(luma, COARSE_PX)


def confusion(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """{true kind: {found kind: count}} of (true, found) pairs, all kinds in both places."""
    table = {true: dict.fromkeys(KINDS, 0) for true in KINDS}
    for true, found in pairs:
        table[true][found] += 1
    return table


def _kind(kept: float, new: float) -> str:
    if _new_beside_sharpening(kept, new) > MOST_NEW:
        return OVER_GENERATED
    if kept > MOST_KEPT:
        return OVER_SHARPENED
    return UNDER_GENERATED if kept < LEAST_KEPT else FAITHFUL


def _new_beside_sharpening(kept: float, new: float) -> float:
    # Sharpening distorts what it exaggerates, in proportion to its square.
    return new / max(kept, 1.0) ** 2
