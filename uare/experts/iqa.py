"""The IQA expert's ends: token ids in, logits out, and the score that five of those logits hold."""

from torch import Tensor, nn

from uare.config import LanguageConfig
from uare.vocabulary import LEVELS


class TextInOut(nn.Module):
    """Embedding and (untied) head over the vocabulary."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)


def level_distribution(logits: Tensor) -> Tensor:
    """Probabilities (..., 5) of the five levels from their logits (..., 5), best level first."""
    return logits.float().softmax(-1)


def expected_score(distribution: Tensor) -> Tensor:
    """Expected value in [1, 5] of level probabilities (..., 5), best level first (Q-Align)."""
    scores = distribution.new_tensor(list(LEVELS.values()))
    return (distribution * scores).sum(-1)
