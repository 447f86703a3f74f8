"""Restores the pictures of a folder by one published network.

    python eval/restore_by_peer.py zero-dce INPUTS OUTPUTS --peer-weights DIR

Results lie in OUTPUTS as the pictures lie in INPUTS, as PNG. Pictures in a folder of INPUTS that is named
after a degradation for which the network is not meant (`noise/a.png`) are left alone. eval/DATASETS.md says
where weights are to be had. Exit code 0: all done; 1: some pictures could not be restored; 2: none could.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from data.fgrestore.peers import PEERS, Peer, peers_named
from eval.peers.restoring import load_network, restored
from eval.pictures import read_picture, write_picture
from uare.errors import InputError, UAREError
from uare.folders import find_images


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Restores a folder of pictures by one published network.")
    parser.add_argument("peer", choices=[peer.name for peer in PEERS], help="the network")
    parser.add_argument("inputs", type=Path, metavar="INPUTS", help="folder of pictures")
    parser.add_argument("outputs", type=Path, metavar="OUTPUTS", help="folder of the results")
    parser.add_argument("--peer-weights", type=Path, required=True, metavar="DIR", help="folder of weights")
    chosen = parser.parse_args(argv)
    (peer,) = peers_named([chosen.peer])
    try:
        problems = restore_folder(peer, chosen.peer_weights, chosen.inputs, chosen.outputs)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if problems else 0


def restore_folder(peer: Peer, weights: Path, inputs: Path, outputs: Path) -> list[str]:
    """Restores what the network is meant for; a sentence for each picture that cannot be read."""
    network = load_network(peer, weights)
    found = find_images([inputs], exclude=outputs)
    problems = [str(problem) for problem in found.problems]
    for image in found.images:
        place = image.path.relative_to(inputs)
        if len(place.parts) > 1 and not peer.is_for(place.parts[0]):
            continue
        try:
            result = restored(network, read_picture(image.path))
        except InputError as error:
            problems.append(str(error))
            continue
        write_picture(result, outputs / place.with_suffix(".png"))
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
