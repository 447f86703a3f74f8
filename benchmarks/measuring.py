"""Seconds, memory and arithmetic: how the benchmarks measure."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from uare.config import UAREConfig

# Large enough that the product is measured and not the call, small enough for a slow device of its kind.
MATRIX_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}

# Dense bfloat16 with float32 sums, TFLOP/s, from the makers' data sheets.
DATA_SHEET_TFLOPS = {"H200": 989.4, "H100": 989.4, "A100": 312.0, "L40S": 362.1}


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated calls."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def low(self) -> float:
        return min(self.seconds)

    @property
    def high(self) -> float:
        return max(self.seconds)


def time_in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Times every way `repeats` times, after one call that does not count.

    In turns, so that a busy moment of the machine falls on all of them and the ratios stay right.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, call in ways.items():
            taken = _seconds(call)
            if turn > 0:
                seconds[name].append(taken)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _seconds(call: Callable[[], object]) -> float:
    wait_for_device()
    started = time.perf_counter()
    call()
    wait_for_device()
    return time.perf_counter() - started


def wait_for_device() -> None:
    """Returns when a CUDA device has done what it was given; at once where there is none."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matrix_product(dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], object], int]:
    """A square matrix product to time, and its floating-point operations."""
    side = MATRIX_SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b, 2 * side**3


def flow_step_flops(config: UAREConfig, num_latent: int, num_cached: int) -> int:
    """Floating-point operations of one flow step of one image: matrices and attention of the mixture.

    `num_latent` latent tokens and their two markers look at themselves and at `num_cached` tokens. Norms,
    embeddings and whatever else is small beside them count as nothing, so that shares come out too low
    rather than too high.
    """
    tokens = num_latent + 2
    attention = 4 * tokens * (num_cached + tokens) * config.hidden_size  # scores, then the weighted sum
    return config.num_hidden_layers * (tokens * layer_flops_per_token(config) + attention)


def layer_flops_per_token(config: UAREConfig) -> int:
    """Floating-point operations of one token in the matrices of one layer of its expert."""
    sizes = config.language
    queries_and_output = 2 * sizes.hidden_size**2
    keys_and_values = 2 * sizes.hidden_size * sizes.num_kv_heads * sizes.head_width
    return 2 * (queries_and_output + keys_and_values + 3 * sizes.hidden_size * sizes.intermediate_size)
