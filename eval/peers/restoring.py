"""A published network out of its file of weights, and a picture through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from data.fgrestore.peers import Peer
from eval.metrics import Array
from eval.peers.table import NETWORKS
from uare.errors import CheckpointError


def load_network(peer: Peer, folder: Path) -> nn.Module:
    """The network with its weights as float32 on the CPU, ready for use.

    Raises InputError without a file of weights, CheckpointError for one that does not fit name by name.
    """
    file = peer.file_in(folder)
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file} could not be loaded ({error}); fetch it again") from None
    row = NETWORKS[peer.name]
    network = row.build()
    used = {name: weight for name, weight in weights.items() if not name.startswith(row.unused)}
    expected = network.state_dict()
    for name in sorted(expected.keys() | used.keys()):
        ours, theirs = (tuple(of[name].shape) if name in of else "nothing" for of in (expected, used))
        if ours != theirs:
            raise CheckpointError(
                f"{file} holds {theirs} as {name}, expected {ours}; bring the weights of {peer.source}"
            )
    network.load_state_dict(used)
    return network.eval().requires_grad_(False)


def restored(network: nn.Module, picture: Array) -> Array:
    """A picture (H, W, 3) in [0, 1] through the network; what leaves the range is cut off."""
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        result = network(image)[0]
    return np.asarray(result.clamp(0, 1).permute(1, 2, 0).double().numpy())
