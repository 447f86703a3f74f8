"""Small published networks as subjects: rows of `data.fgrestore.peers` with the weights brought along."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from data.fgrestore.peers import PEERS, Peer
from eval.adapters.classical import EVERY
from eval.adapters.subject import Answer, text_digest
from eval.metrics import Array
from eval.records import PEER, RESTORE, Item, SubjectInfo, file_name
from uare.errors import InputError

if TYPE_CHECKING:
    from torch import nn


class PeerSubject:
    """One published network. It restores pictures of a harm that it was made for, and enlarges none."""

    def __init__(self, peer: Peer, weights: Path) -> None:
        """weights: folder; InputError if the network's are not in it."""
        digest = text_digest(peer.name, sha256(peer.file_in(weights).read_bytes()).hexdigest())
        self.info = SubjectInfo(
            name=peer.name, folder=file_name(peer.name), kind=PEER, source=str(weights), digest=digest
        )
        self._peer, self._weights = peer, weights

    @cached_property
    def network(self) -> nn.Module:
        """The loaded network; CheckpointError if its weights do not fit."""
        from eval.peers.restoring import load_network  # seconds of torch, which other baselines do not need

        return load_network(self._peer, self._weights)

    def takes(self, item: Item) -> bool:
        return item.kind == RESTORE and item.scale == 1 and self._peer.is_for(item.group)

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        _ = self.network

    def predict(self, item: Item, picture: Array) -> Answer:
        from eval.peers.restoring import restored

        return Answer(picture=restored(self.network, picture))


def peer_subjects(names: Sequence[str], weights: Path | None) -> tuple[list[PeerSubject], list[str]]:
    """The networks of these names, and with `all` every one whose weights are in the folder.

    Gives a sentence for each that `all` leaves out. InputError for one that is named and has no weights.
    """
    named = [peer for peer in PEERS if peer.name in names]
    if weights is None:
        if named:
            raise InputError(
                f"{named[0].name} needs its weights; name their folder with --peer-weights (eval/DATASETS.md)"
            )
        return [], []
    subjects: list[PeerSubject] = []
    problems: list[str] = []
    for peer in PEERS if EVERY in names else named:
        try:
            subjects.append(PeerSubject(peer, weights))
        except InputError as error:
            if peer in named:
                raise
            problems.append(str(error))
    return subjects, problems
