"""Small published networks that restore: what each is for and whose it is; their weights are brought along.

The networks themselves are in eval/peers, since this room has none. They are run as a program,
eval/restore_by_peer.py, as any other restorer is.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from data.fgrestore.classical import is_meant_for
from data.fgrestore.restorers import Command
from uare.errors import InputError

PROGRAM = Path(__file__).resolve().parents[2] / "eval" / "restore_by_peer.py"
SUFFIX = ".safetensors"
EVERY = "all"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A row of `PEERS`."""

    name: str
    weights: str  # name of its file without the suffix
    tasks: tuple[str, ...]
    source: str  # repository of the weights, and their licence

    def is_for(self, task: str) -> bool:
        """Says whether the network is meant for a task; one outside the vocabulary gets every network."""
        return is_meant_for(task, self.tasks)

    def file_in(self, folder: Path) -> Path:
        """Where its weights lie; InputError if they are not in the folder."""
        file = folder / (self.weights + SUFFIX)
        if not file.is_file():
            raise InputError(
                f"there is no {file} with the weights of {self.source}; put it there or leave {self.name} out"
            )
        return file


_ZERO_DCE = "Li-Chongyi/Zero-DCE, CC-BY-NC-4.0"
_SCI = "vis-opt-group/SCI, MIT"
_PRENET = "csdwren/PReNet, licence not stated"
_FFDNET = "cszn/FFDNet, licence not stated"

PEERS: tuple[Peer, ...] = (
    Peer(name="zero-dce", weights="zero-dce", tasks=("lowlight",), source=_ZERO_DCE),
    *(
        Peer(name=name, weights=name, tasks=("lowlight",), source=_SCI)
        for name in ("sci-easy", "sci-medium", "sci-difficult")
    ),
    Peer(
        name="aod-net",
        weights="aod-net",
        tasks=("haze",),
        source="MayankSingal/PyTorch-Image-Dehazing, MIT",
    ),
    Peer(
        name="light-dehazenet",
        weights="light-dehazenet",
        tasks=("haze",),
        source="hayatkhan8660-maker/Light-DehazeNet, licence not stated",
    ),
    *(
        Peer(name=name, weights=name, tasks=("rain",), source=_PRENET)
        for name in ("prenet-rain100l", "prenet-rain100h", "prenet-r-rain1400")
    ),
    *(  # the level of noise that it is told, of 255
        Peer(name=f"ffdnet-color-s{level}", weights="ffdnet-color", tasks=("noise",), source=_FFDNET)
        for level in (5, 10, 15)
    ),
    Peer(
        name="dncnn-color-blind",
        weights="dncnn-color-blind",
        tasks=("noise", "jpeg"),
        source="cszn/DnCNN, licence not stated",
    ),
    Peer(
        name="adnet-color-blind",
        weights="adnet-color-blind",
        tasks=("noise",),
        source="hellloxiaotian/ADNet, licence not stated",
    ),
)


def peers_named(names: Sequence[str]) -> list[Peer]:
    """The networks of these names, `all` for every one; InputError if one is unknown."""
    known = [peer.name for peer in PEERS]
    for name in names:
        if name not in (EVERY, *known):
            raise InputError(
                f"there is no published network {name!r}; choose from {EVERY}, {', '.join(known)}"
            )
    return [peer for peer in PEERS if EVERY in names or peer.name in names]


def peer_restorer(peer: Peer, weights: Path, timeout_s: float) -> Command:
    """A network as a program for its tasks; InputError if its weights are not in the folder `weights`."""
    digest = sha256(peer.file_in(weights).read_bytes()).hexdigest()
    return Command(
        name=peer.name,
        template=(
            f"{shlex.quote(sys.executable)} {shlex.quote(str(PROGRAM))} {peer.name} {{inputs}} {{outputs}} "
            f"--peer-weights {shlex.quote(str(weights.resolve()))}"
        ),
        timeout_s=timeout_s,
        is_for=peer.is_for,
        made_by=f"network {peer.name} ({peer.source}; sha256 of weights {digest})",
    )
