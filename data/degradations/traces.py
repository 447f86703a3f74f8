"""What still shows of the steps of a chain: severities for harms that were never drawn as severities.

A chain tells its steps to a trace as it takes them. In the end each harm's size in the returned image is read
off the ladder of the single type, so that a word means the same whatever made the picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from data.degradations import blur, lowres, noise
from data.degradations.compression import STRENGTHS
from data.degradations.sampling import severity_of
from data.records import DegradationRecord

BLUR_PX = blur.EXTENT_PX[blur.KINDS.index("gaussian")]
# A Gaussian of this deviation keeps as little of white noise under a blur as a single pixel does.
WHITE_GRAIN_PX = 0.5 / math.sqrt(math.pi)
# Variance in px of the weights between neighbours; of both and of the box, noise agrees within 10 %.
INTERPOLATION = {"bilinear": 0.1, "bicubic": 0.03}
LEAST_SEVERITY = 0.5  # below it nobody would name the harm


@dataclass(kw_only=True)
class Trace:
    """The steps that one image went through so far."""

    rows: list[int]  # of the image, at the start and after each resizing
    blurs: list[tuple[float, int]] = field(default_factory=list)  # deviation in px, rows at that point
    noises: list[tuple[float, float]] = field(default_factory=list)  # root mean square 1/255, grain px
    codecs: list[tuple[str, int]] = field(default_factory=list)  # codec, quality or strength

    def blur(self, deviation_px: float) -> None:
        self.blurs.append((deviation_px, self.rows[-1]))
        self._soften_noise(deviation_px**2)

    def resize(self, rows: int, mode: str) -> None:
        factor = rows / self.rows[-1]
        self.rows.append(rows)
        if factor == 1:
            return
        # The boxes of "area" overlap, by 0.9 px on average.
        box = ((1 / factor + 0.9) ** 2 - 1) / 12
        self._soften_noise(INTERPOLATION.get(mode, box))
        self.noises = [(rms_255, grain_px * factor) for rms_255, grain_px in self.noises]

    def noise(self, rms_255: float) -> None:
        self.noises.append((rms_255, WHITE_GRAIN_PX))

    def codec(self, name: str, strength: int) -> None:
        self.codecs.append((name, strength))

    def _soften_noise(self, variance: float) -> None:
        wider = [(rms_255, grain, math.hypot(grain, math.sqrt(variance))) for rms_255, grain in self.noises]
        # As grains of Gaussian shape spread, noise falls with their width.
        self.noises = [(rms_255 * grain / new, new) for rms_255, grain, new in wider]

    def records(self) -> list[DegradationRecord]:
        """The harms of the image as it is now, in physical order.

        Blur goes by the deviation of all blurs together in px of this image, lost resolution by its rows over
        the fewest on the way, noise by what later blurs and resizings left of it, compression (recorded as
        `jpeg`) by the worst codec. Harms too mild to name are left out.
        """
        rows = self.rows[-1]
        blur_px = math.sqrt(sum((deviation * rows / then) ** 2 for deviation, then in self.blurs))
        sigma_255 = math.sqrt(sum(rms_255**2 for rms_255, _ in self.noises))
        codecs = [(_severity(STRENGTHS[name], strength), name, strength) for name, strength in self.codecs]
        found: list[tuple[str, float, dict[str, float | str]]] = [
            ("blur", _severity(BLUR_PX, blur_px), {"extent_px": blur_px}),
            ("lowres", _severity(lowres.FACTORS, rows / min(self.rows)), {"factor": rows / min(self.rows)}),
            ("noise", _severity(noise.SIGMA_255, sigma_255), {"sigma_255": sigma_255}),
        ]
        for severity, name, strength in sorted(codecs)[-1:]:
            found.append(("jpeg", severity, {"codec": name, "quality": float(strength)}))
        return [
            DegradationRecord(kind, max(1, min(5, round(severity))), parameters)
            for kind, severity, parameters in found
            if severity >= LEAST_SEVERITY
        ]


def _severity(rungs: Sequence[float], value: float) -> float:
    return float(severity_of(rungs, torch.tensor([value])))
