"""The table of metrics: a row for each protocol, in the order of report columns.

The same name under another recipe is another row with another id: which colour space, which luma, which
weights. Values of two ids are never averaged or compared. To add a metric, write a function (in a file of its
own) and a row here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path

from eval.metrics import full_reference as fr
from eval.metrics.brisque import load_brisque
from eval.metrics.fsim import fsim
from eval.metrics.full_reference import MSE_FLOOR, Array
from eval.metrics.niqe import load_niqe
from eval.metrics.own_score import load_own_score, own_weights_version
from eval.metrics.pyiqa_backed import from_pyiqa
from eval.metrics.rows import OWN, Measure, Metric
from uare.errors import InputError

_HIGHEST_PSNR = 80.0  # of equal pictures, by MSE_FLOOR
PYIQA = "pyiqa"


def _compare(function: Callable[[Array, Array], float]) -> Callable[[Path | None], Measure]:
    """The `load` of a row for a function of ours that takes a picture and its reference."""

    def measure(image: Array, reference: Array | None) -> float:
        if reference is None:
            raise InputError(f"{function.__name__} compares with a reference, and the picture has none")
        return function(image, reference)

    return lambda weights: measure


def _psnr(id: str, name: str, function: Callable[[Array, Array], float], protocol: str) -> Metric:
    return Metric(
        id=id,
        name=name,
        unit="dB",
        higher_is_better=True,
        lowest=0,
        highest=_HIGHEST_PSNR,
        needs_reference=True,
        decimals=2,
        made_by=OWN,
        protocol=f"{protocol}; no border cut; mean square error + {MSE_FLOOR:g}",
        load=_compare(function),
    )


def _ssim(id: str, name: str, function: Callable[[Array, Array], float], planes: str) -> Metric:
    return Metric(
        id=id,
        name=name,
        unit="",
        higher_is_better=True,
        lowest=0,
        highest=1,
        needs_reference=True,
        decimals=4,
        made_by=OWN,
        protocol=(
            f"{planes}; 11x11 Gaussian of sigma 1.5, valid area, no border cut, no down-sampling; "
            "contrast-structure term cut off below at 0"
        ),
        load=_compare(function),
    )


def _by_pyiqa(
    id: str,
    name: str,
    protocol: str,
    *,
    ends: tuple[float | None, float | None] = (0, 1),
    higher_is_better: bool = True,
    needs_reference: bool = False,
    default: bool = True,
) -> Metric:
    """A row for the pyiqa metric that `protocol` begins with, up to the colon."""
    lowest, highest = ends
    return Metric(
        id=id,
        name=name,
        unit="",
        higher_is_better=higher_is_better,
        lowest=lowest,
        highest=highest,
        needs_reference=needs_reference,
        decimals=2 if highest is not None and highest > 5 else 4,
        made_by=PYIQA,
        protocol=f"pyiqa {protocol}",
        default=default,
        load=from_pyiqa(protocol.split(":", maxsplit=1)[0]),
    )


def _distance(id: str, name: str, protocol: str, default: bool = True) -> Metric:
    return _by_pyiqa(
        id,
        name,
        protocol,
        ends=(0, None),
        higher_is_better=False,
        needs_reference=True,
        default=default,
    )


def _similarity(id: str, name: str, protocol: str) -> Metric:
    return _by_pyiqa(id, name, protocol, needs_reference=True, default=False)


METRICS: tuple[Metric, ...] = (
    _psnr("psnr_y_ycbcr", "PSNR-Y", fr.psnr_y, "unrounded studio-range luma (YCbCr, 16 to 235) over 255"),
    _psnr("psnr_y_yiq", "PSNR-Y full", fr.psnr_y_full, "unrounded full-range luma (YIQ)"),
    _psnr("psnr_rgb", "PSNR", fr.psnr, "all RGB values"),
    _psnr(
        "psnr_rgb_aligned",
        "PSNR aligned",
        fr.psnr_aligned,
        "all RGB values, scaled to the reference's mean luma",
    ),
    _ssim("ssim_y_ycbcr", "SSIM-Y", fr.ssim_y, "studio-range luma (YCbCr) rounded to integers"),
    _ssim("ssim_y_yiq", "SSIM-Y full", fr.ssim_y_full, "full-range luma (YIQ) rounded to integers"),
    _ssim("ssim_rgb", "SSIM", fr.ssim, "mean over R, G and B"),
    Metric(
        id="gmsd",
        name="GMSD",
        unit="",
        higher_is_better=False,
        lowest=0,
        highest=None,
        needs_reference=True,
        decimals=4,
        made_by=OWN,
        protocol="grey rounded to integers, averaged over 2x2 and halved, Prewitt gradients, constant 170",
        load=_compare(fr.gmsd),
    ),
    Metric(
        id="fsim",
        name="FSIM",
        unit="",
        higher_is_better=True,
        lowest=0,
        highest=1,
        needs_reference=True,
        decimals=4,
        made_by=OWN,
        protocol="with chroma; reduced to a short side of about 256 px",
        load=_compare(fsim),
    ),
    _distance("lpips_alex", "LPIPS", "lpips: version 0.1 with AlexNet, RGB"),
    _distance("lpips_vgg", "LPIPS VGG", "lpips-vgg: version 0.1 with VGG16, RGB", default=False),
    _distance("dists", "DISTS", "dists: VGG16, original weights, RGB"),
    Metric(
        id="niqe",
        name="NIQE",
        unit="",
        higher_is_better=False,
        lowest=0,
        highest=None,
        needs_reference=False,
        decimals=3,
        made_by=OWN,
        protocol="full-range luma (YIQ) rounded to integers, patches of 96 px, float64 on the processor",
        load=load_niqe,
    ),
    Metric(
        id="brisque",
        name="BRISQUE",
        unit="",
        higher_is_better=False,
        lowest=None,
        highest=None,
        needs_reference=False,
        decimals=2,
        made_by=OWN,
        protocol="full-range luma (YIQ) rounded to integers, zeros beyond the border, the authors' machine",
        load=load_brisque,
        default=False,
    ),
    Metric(
        id="uare_score",
        name="UARE score",
        unit="",
        higher_is_better=True,
        lowest=1,
        highest=5,
        needs_reference=False,
        decimals=3,
        made_by=OWN,
        protocol="score of `uare-tiny`, as `uare assess` prints it; never used to judge `uare-tiny` alone",
        load=load_own_score,
        weights_version=own_weights_version,
    ),
    _by_pyiqa("liqe", "LIQE", "liqe: CLIP, weights of KonIQ", ends=(1, 5)),
    _by_pyiqa("liqe_mix", "LIQE mix", "liqe_mix: CLIP, weights of six sets", ends=(1, 5), default=False),
    _by_pyiqa("musiq", "MUSIQ", "musiq: weights of KonIQ, multi-scale", ends=(0, 100)),
    _by_pyiqa(
        "maniqa_koniq",
        "MANIQA KonIQ",
        "maniqa: weights of KonIQ, uniform crops of 224; not the one in the tables of OSEDiff and SeeSR",
    ),
    _by_pyiqa(
        "maniqa_pipal",
        "MANIQA PIPAL",
        "maniqa-pipal: weights of PIPAL, uniform crops of 224; older versions drew them (third decimal)",
    ),
    _by_pyiqa("clipiqa", "CLIPIQA", "clipiqa: CLIP RN50, not tuned; that of super-resolution papers"),
    _by_pyiqa(
        "clipiqa_plus", "CLIPIQA+", "clipiqa+: CLIP RN50, learned prompts; that of IQA tables", default=False
    ),
    _by_pyiqa(
        "clipiqa_plus_vitl14",
        "CLIPIQA+ ViT-L",
        "clipiqa+_vitL14_512: CLIP ViT-L/14 at 512; that of FoundIR",
        default=False,
    ),
    _by_pyiqa("topiq_nr", "TOPIQ-NR", "topiq_nr: ResNet50, weights of KonIQ"),
    _by_pyiqa(
        "afine_all",
        "A-FINE",
        "afine_all: fidelity and naturalness, unscaled; may find a result better than its reference",
        ends=(None, 2),
        higher_is_better=False,
        needs_reference=True,
        default=False,
    ),
    # These need no weights.
    _similarity("ms_ssim", "MS-SSIM", "ms_ssim: five scales of full-range luma, sides above 160 px"),
    _similarity("vif", "VIF", "vif: pixel domain, full-range luma"),
    _similarity("vsi", "VSI", "vsi: saliency, gradients and chroma; 0.01 off its authors' code"),
    _distance("nlpd", "NLPD", "nlpd: normalised Laplacian pyramid of luma", default=False),
    _by_pyiqa(
        "piqe",
        "PIQE",
        "piqe: block distortions of luma, no training",
        ends=(0, 100),
        higher_is_better=False,
        default=False,
    ),
)


def default_metrics() -> tuple[Metric, ...]:
    """The columns that every report has unless a run names others."""
    return tuple(metric for metric in METRICS if metric.default)


def find_metrics(ids: Iterable[str]) -> tuple[Metric, ...]:
    """The rows of these ids, each once, in that order; InputError naming the nearest for an unknown one."""
    rows = {metric.id: metric for metric in METRICS}
    found = []
    for one in dict.fromkeys(ids):
        if one not in rows:
            near = difflib.get_close_matches(one, rows, n=1, cutoff=0)[0]
            raise InputError(f"no metric {one!r}; did you mean {near!r}? Known: {', '.join(rows)}")
        found.append(rows[one])
    return tuple(found)
