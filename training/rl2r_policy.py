"""The network as a policy: answers sampled from it, and their log-probabilities with and without gradient.

An image and its question are read once; all answers to them branch from that context, in sampling and in
training alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from training.rl2r_objective import policy_loss
from training.rl2r_settings import ObjectiveSettings
from uare.cache import ContextCache
from uare.config import UAREConfig
from uare.decoding import generate, read
from uare.model import ModelOutput, UAREModel
from uare.packing import Item, Text, pack
from uare.segments import PackedBatch

Network = Callable[[PackedBatch, ContextCache | None], ModelOutput]
Prompt = tuple[Item, ...]  # an image and a question about it


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A sampled answer."""

    ids: tuple[int, ...]  # without markers
    is_truncated: bool  # it has no end: it ran into the limit
    seed: int  # of its generator


@dataclass(frozen=True, kw_only=True)
class AnsweredRow:
    """A batch of prompts with K answers each, ready for the objective; n = B·K answers of up to T tokens."""

    prompts: tuple[Prompt, ...]  # B
    answers: tuple[tuple[Answer, ...], ...]  # B of K
    advantage: Tensor  # (n,) float32
    logp_ref: Tensor | None  # (n, T), None without a KL term
    logp_old: Tensor | None = None  # (n, T), None on policy


@torch.no_grad()
def sample_answers(
    network: UAREModel,
    prompts: Sequence[Prompt],
    seeds: Sequence[Sequence[int]],
    max_tokens: int,
    temperature: float,
) -> tuple[tuple[Answer, ...], ...]:
    """An answer for each seed of each prompt; an answer depends on its prompt and seed alone."""
    context = read(network, prompts)
    repeated = [number for number, own in enumerate(seeds) for _ in own]
    flat = [seed for own in seeds for seed in own]
    generators = [torch.Generator().manual_seed(seed) for seed in flat]
    said = generate(network, context.select(repeated), max_tokens, temperature, generators)
    answers = iter(
        Answer(ids=tuple(ids), is_truncated=len(ids) == max_tokens, seed=seed)
        for ids, seed in zip(said, flat, strict=True)
    )
    return tuple(tuple(next(answers) for _ in own) for own in seeds)


def answer_log_probs(
    network: Network,
    config: UAREConfig,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[Answer]],
    temperature: float,
    device: torch.device | str,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities (n, T) float32 of the tokens of all answers, ends included, and which count (n, T).

    A truncated answer has no end that could count. Gradients flow through the answers and their prompts.
    """
    seen = network(pack(prompts, config).to(device), None).cache
    branches = seen.select([number for number, own in enumerate(answers) for _ in own])
    flat = [answer for own in answers for answer in own]
    items = [[Text(ids=answer.ids, loss=True, closes=False)] for answer in flat]
    batch = pack(items, config, branches.next_positions).to(device)
    output = network(batch, branches)
    assert batch.labels is not None
    logs = (output.logits.float() / temperature).log_softmax(-1)
    said = logs.gather(-1, batch.labels.token_ids[:, None]).squeeze(-1)
    lens = [len(answer.ids) + 1 for answer in flat]  # the end is the last
    counted = [len(answer.ids) + (not answer.is_truncated) for answer in flat]
    logp = nn.utils.rnn.pad_sequence(list(said.split(lens)), batch_first=True)
    places = torch.arange(logp.shape[1], device=logp.device)
    return logp, (places < torch.tensor(counted, device=logp.device)[:, None]).float()


class RankingStep(nn.Module):
    """The network and the objective of answered rows in one module: what is sharded and called."""

    def __init__(
        self, network: UAREModel, objective: ObjectiveSettings, temperature: float, num_answers: int
    ) -> None:
        super().__init__()
        self.network = network
        self.objective, self.temperature = objective, temperature
        self.num_answers = num_answers  # of a whole step, over all ranks

    def log_probs(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[Sequence[Answer]],
        network: Network | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`answer_log_probs` of this network, or of another in its place."""
        return answer_log_probs(
            network or self.network,
            self.network.config,
            prompts,
            answers,
            self.temperature,
            self.network.device,
        )

    def forward(self, row: AnsweredRow) -> tuple[Tensor, Tensor]:
        """This row's share of the step's loss, and of its (loss, KL, share of clipped tokens)."""
        logp, mask = self.log_probs(row.prompts, row.answers)
        found = policy_loss(
            logp,
            logp.detach() if row.logp_old is None else row.logp_old,
            row.logp_ref,
            row.advantage.to(logp.device),
            mask,
            epsilon=self.objective.epsilon,
            beta=self.objective.beta,
            num_answers=self.num_answers,
        )
        lens = mask.sum(-1).clamp(min=1)
        kl = ((found.kl * mask).sum(-1) / lens).sum() / self.num_answers
        clipped = (found.clipped.float().sum(-1) / lens).sum() / self.num_answers
        return found.loss, torch.stack([found.loss, kl, clipped]).detach()


class Reference:
    """The policy as it was at the start: its own copies of trained weights, all others shared.

    With adapters the copies are those of the adapters, which do nothing at the start.
    """

    def __init__(self, network: UAREModel) -> None:
        self.network = network
        self.weights: Mapping[str, Tensor] = {
            name: weight.detach().clone()
            for name, weight in network.named_parameters()
            if weight.requires_grad
        }

    @torch.no_grad()
    def __call__(self, batch: PackedBatch, cache: ContextCache | None) -> ModelOutput:
        return functional_call(self.network, dict(self.weights), (batch, cache))
