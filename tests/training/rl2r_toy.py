"""A policy without pictures on which the whole method can be seen to work in seconds.

An "image" is a vector of 8 numbers that two hidden qualities leave behind; an answer is two numbers such as
3.2;4.1, written token by token. Supervised warm-up teaches the form with random numbers, no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from training.rl2r_objective import advantages, policy_loss
from training.rl2r_rewards import attribute_reward, total_reward

CHARACTERS = "0123456789.;"
END, BEGIN = len(CHARACTERS), len(CHARACTERS) + 1
VOCABULARY, LENGTH = len(CHARACTERS) + 2, 10
IMAGES, ANSWERS = 16, 6
FORM = re.compile(r"([1-5]\.\d);([1-5]\.\d)")
Labels = Callable[[Tensor, int], Tensor]  # qualities (B, 2) and the step -> labels (B, 2)


class Policy(nn.Module):
    """A small recurrent writer, whose first state is what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64))
        self.embed = nn.Embedding(VOCABULARY, 32)
        self.write = nn.GRU(32, 64, batch_first=True)
        self.say = nn.Linear(64, VOCABULARY)

    def log_probs(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """(n, T) log-probabilities of tokens (n, T), each after those before it."""
        before = torch.cat([torch.full_like(tokens[:, :1], BEGIN), tokens[:, :-1]], dim=1)
        hidden, _ = self.write(self.embed(before), self.see(seen)[None])
        return self.say(hidden).log_softmax(-1).gather(-1, tokens[..., None]).squeeze(-1)

    @torch.no_grad()
    def sample(self, seen: Tensor, generator: torch.Generator) -> Tensor:
        """Tokens (n, T), END once an answer has ended."""
        state, token = self.see(seen)[None], torch.full((len(seen), 1), BEGIN)
        ended, tokens = torch.zeros(len(seen), dtype=torch.bool), []
        for _ in range(LENGTH):
            hidden, state = self.write(self.embed(token), state)
            token = torch.multinomial(self.say(hidden[:, -1]).softmax(-1), 1, generator=generator)
            token[ended] = END
            ended |= token[:, 0] == END
            tokens.append(token)
        return torch.cat(tokens, dim=1)


def read(tokens: Tensor) -> Tensor:
    """The two numbers (n, 2) of answers (n, T); NaN where an answer is not of the form."""
    values = []
    for own in tokens.tolist():
        text = "".join(CHARACTERS[token] for token in own if token < END)
        found = FORM.fullmatch(text) if END in own else None
        values.append([float(found[1]), float(found[2])] if found else [float("nan")] * 2)
    return torch.tensor(values, dtype=torch.float64)


@dataclass
class Toy:
    """The world, the policy, and what its training saw."""

    labels: Labels
    seed: int = 0
    rewards: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)  # weights of the policy
        self.policy = Policy()
        self.generator = torch.Generator().manual_seed(self.seed)
        self.mixing = torch.randn(2, 8, generator=self.generator)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Qualities (count, 2) in [0, 1], and what is seen of them (count, 8)."""
        quality = torch.rand(count, 2, generator=self.generator)
        seen = torch.tanh(quality @ self.mixing)
        return quality, seen + 0.1 * torch.randn(count, 8, generator=self.generator)

    def warm_up(self, steps: int = 150) -> None:
        """Teaches the form with random numbers."""
        optimizer = torch.optim.Adam(self.policy.parameters(), lr=3e-3)
        for _ in range(steps):
            _, seen = self.draw(64)
            numbers = 10 + torch.randint(0, 41, (64, 2), generator=self.generator)
            texts = [f"{a // 10}.{a % 10};{b // 10}.{b % 10}" for a, b in numbers.tolist()]
            tokens = torch.tensor(
                [[CHARACTERS.index(one) for one in text] + [END] * (LENGTH - len(text)) for text in texts]
            )
            optimizer.zero_grad()
            (-self.policy.log_probs(seen, tokens)[:, :8].mean()).backward()
            optimizer.step()

    def train(self, steps: int) -> None:
        """Reinforcement learning to rank; adds each step's mean reward and share of readable answers."""
        reference = {name: weight.clone() for name, weight in self.policy.state_dict().items()}
        before = Policy()
        before.load_state_dict(reference)
        optimizer = torch.optim.Adam(self.policy.parameters(), lr=1e-3)
        for step in range(steps):
            quality, seen = self.draw(IMAGES)
            rows = seen.repeat_interleave(ANSWERS, 0)
            tokens = self.policy.sample(rows, self.generator)
            values = read(tokens).reshape(IMAGES, ANSWERS, 2)
            labels = self.labels(quality, step).double()
            rewards = {str(d): attribute_reward(values[..., d], labels[:, d]) for d in range(2)}
            total = total_reward(rewards, {"0": 0.5, "1": 0.5})
            mask = ((tokens == END).cumsum(1) <= 1).float()  # the first end counts, what follows does not
            logp = self.policy.log_probs(rows, tokens)
            with torch.no_grad():
                logp_ref = before.log_probs(rows, tokens)
            advantage = advantages(total).flatten().float()
            loss = policy_loss(logp, logp.detach(), logp_ref, advantage, mask, beta=0.01).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.rewards.append(float(total.mean()))
            self.valid.append(float((~values.isnan()).double().mean()))

    def rank_correlations(self, count: int = 200) -> Tensor:
        """(2, 2): SRCC of each stated number (mean of 4 answers) with each quality, on new images."""
        quality, seen = self.draw(count)
        tokens = self.policy.sample(seen.repeat_interleave(4, 0), self.generator)
        stated = read(tokens).reshape(count, 4, 2).nanmean(1).nan_to_num(3.0)
        return torch.tensor(
            [[float(spearmanr(stated[:, a], quality[:, b]).statistic) for b in range(2)] for a in range(2)]
        )


def two_scales(quality: Tensor, step: int) -> Tensor:
    """Two data sets in turn: one labelled 4q + 1, the other 100 − 60·(1 − q)²."""
    return 4 * quality + 1 if step % 2 else 100 - 60 * (1 - quality) ** 2


def first_and_last(values: list[float], count: int = 20) -> Iterator[float]:
    yield fmean(values[:count])
    yield fmean(values[-count:])
