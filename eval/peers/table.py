"""Which class each published network of data/fgrestore/peers.py is, and which weights it has no use for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from eval.peers.curves import ZeroDCE
from eval.peers.denoisers import ADNet, DnCNN, FFDNet
from eval.peers.hazes import AODNet, LightDehazeNet
from eval.peers.illumination import SCI
from eval.peers.prenet import PReNet


@dataclass(frozen=True, kw_only=True)
class Network:
    """A row of `NETWORKS`; of the weights in the file, those whose names begin with `unused` are not read."""

    build: Callable[[], nn.Module]
    unused: tuple[str, ...] = ()


# The self-calibration serves training alone; `enhance.conv` is `enhance.blocks.0` under a second name.
_SCI = Network(build=SCI, unused=("calibrate.", "enhance.conv."))
_PRENET = Network(build=PReNet)

NETWORKS: dict[str, Network] = {
    "zero-dce": Network(build=ZeroDCE),
    "sci-easy": _SCI,
    "sci-medium": _SCI,
    "sci-difficult": _SCI,
    "aod-net": Network(build=AODNet),
    "light-dehazenet": Network(build=LightDehazeNet),
    "prenet-rain100l": _PRENET,
    "prenet-rain100h": _PRENET,
    "prenet-r-rain1400": Network(build=partial(PReNet, shared_block=True)),
    "ffdnet-color-s5": Network(build=partial(FFDNet, level=5)),
    "ffdnet-color-s10": Network(build=partial(FFDNet, level=10)),
    "ffdnet-color-s15": Network(build=partial(FFDNet, level=15)),
    "dncnn-color-blind": Network(build=DnCNN),
    "adnet-color-blind": Network(build=ADNet),
}
