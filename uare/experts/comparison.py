"""The judge's network: features that know of the degradation, a score, and a three-way comparison (FGResQ).

It judges restorations of one photo that scores can hardly tell apart. Each image is encoded once; comparing N
images then costs additions. Where the features come from is the business of `uare.judge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

DROPPED = 0.3  # share, in training only
SCORE_SCALE = 0.3  # the released network's k
B_BETTER, A_BETTER, EQUAL = 0, 1, 2  # classes of the comparison, in the released order


class ComparisonHead(nn.Module):
    """Quality features F_q = [F_g, F_p, F_g + F_p] and what is read from them (FGResQ eq. 5).

    F_p = prompt_out(softmax(gate(F_d)) · prompt) is what the degradation branch adds. `released` starts both
    layers of the gate at zero as the released class does; from there no training reaches them, and F_p stays
    one vector for all images. `live` starts them as usual. Either way F_p starts at zero.
    """

    def __init__(self, width: int, gate_init: Literal["live", "released"] = "live") -> None:
        super().__init__()
        self.prompt = nn.Parameter(torch.rand(1, width))
        self.gate = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.prompt_out = nn.Linear(width, width)
        self.score = nn.Linear(3 * width, 1)
        self.compare = nn.Linear(6 * width, 3)
        dead = (self.gate[0], self.gate[2]) if gate_init == "released" else ()
        for layer in (*dead, self.prompt_out):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def width(self) -> int:
        """Of F_g, F_d and F_p."""
        return self.prompt.shape[1]

    @property
    def gate_is_constant(self) -> bool:
        """Whether the gate says the same of every image, so that the degradation branch need not run."""
        return any(not self.gate.get_parameter(f"{place}.weight").any() for place in (0, 2))

    def prompt_features(self, degradation: Tensor) -> Tensor:
        """F_p (B, d) of degradation features F_d (B, d)."""
        return self.prompt_out(self.gate(degradation).softmax(-1) * self.prompt)

    def forward(self, general: Tensor, degradation: Tensor) -> Tensor:
        """F_q (B, 3·d) of F_g (B, d) and F_d (B, d)."""
        prompted = self.prompt_features(degradation).expand_as(general)
        return torch.cat([general, prompted, general + prompted], dim=-1)

    def score_logits(self, features: Tensor) -> Tensor:
        """(B,) of F_q (B, 3·d); the score is sigmoid(0.3 · logit)."""
        return self.score(features)[..., 0]

    def halves(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What an image adds to the logits as A and as B, (B, 3) each, of F_q (B, 3·d)."""
        as_a, as_b = self.compare.weight.chunk(2, dim=1)  # (3, 3·d) each
        return features @ as_a.T + self.compare.bias, features @ as_b.T

    def logits(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, 3) of pairs of F_q (B, 3·d): B better, A better, equal."""
        return self.halves(a)[0] + self.halves(b)[1]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """All that the head keeps of one image."""

    score_logit: float
    as_a: Tensor  # (3,) float64, what it adds to the logits of a pair in which it is A, bias included
    as_b: Tensor  # (3,) float64, in which it is B

    @property
    def score(self) -> float:
        """Quality in (0, 1); across tasks only its order means anything."""
        return float(torch.sigmoid(torch.tensor(SCORE_SCALE * self.score_logit, dtype=torch.float64)))


class JudgeNetwork(nn.Module):
    """Two branches over one view of an image, and the head on top.

    Each branch gives (B, d) of a batch of views: `general` F_g, `degradation` F_d.
    """

    def __init__(self, general: nn.Module, degradation: nn.Module, head: ComparisonHead) -> None:
        super().__init__()
        self.general, self.degradation, self.head = general, degradation, head

    def forward(self, views: Tensor) -> Tensor:
        """F_q (B, 3·d) of views (B, ...)."""
        general = self.general(views)
        if not torch.is_grad_enabled() and self.head.gate_is_constant:  # exact, in half the time
            return self.head(general, torch.zeros_like(general[:1]))
        return self.head(general, self.degradation(views))

    @torch.no_grad()
    def encode(self, view: Tensor) -> Encoding:
        """The encoding of one view. One at a time: what a batch rounds would depend on the neighbours."""
        features = self(view[None])
        as_a, as_b = self.head.halves(features)
        return Encoding(
            score_logit=float(self.head.score_logits(features)[0]),
            as_a=as_a[0].double().cpu(),
            as_b=as_b[0].double().cpu(),
        )


def pair_probabilities(first: list[Encoding], second: list[Encoding]) -> Tensor:
    """Probabilities (m, n, 3) float64 of (A better, B better, equal), each of `first` with each of `second`.

    The mean over both orders, so that swapping the images swaps the first two exactly.
    """
    given = _softmax(first, second)  # (m, n, 3)
    swapped = _softmax(second, first).transpose(0, 1)
    return torch.stack(
        [
            (given[..., A_BETTER] + swapped[..., B_BETTER]) / 2,
            (given[..., B_BETTER] + swapped[..., A_BETTER]) / 2,
            (given[..., EQUAL] + swapped[..., EQUAL]) / 2,
        ],
        dim=-1,
    )


def one_order_probabilities(first: list[Encoding], second: list[Encoding]) -> Tensor:
    """As `pair_probabilities` for the order given alone, which is what the released network answers."""
    return _softmax(first, second)[..., [A_BETTER, B_BETTER, EQUAL]]


def _softmax(first: list[Encoding], second: list[Encoding]) -> Tensor:
    as_a = torch.stack([one.as_a for one in first])
    as_b = torch.stack([one.as_b for one in second])
    return (as_a[:, None] + as_b[None, :]).softmax(-1)  # (m, n, 3)


class PooledBranch(nn.Module):
    """A branch over pooled features of a frozen network: standardised, then two layers.

    In training a share of the features and of the inner width is dropped: there are few pairs, and the
    features know much of a photo that says nothing of its restoration.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, feature_width: int, inner_width: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(feature_width))
        self.register_buffer("std", torch.ones(feature_width))
        self.layers = nn.Sequential(
            nn.Dropout(DROPPED),
            nn.Linear(feature_width, inner_width),
            nn.SiLU(),
            nn.Dropout(DROPPED),
            nn.Linear(inner_width, width),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, width) of pooled features (B, feature_width)."""
        return self.layers((pooled - self.mean) / self.std)
