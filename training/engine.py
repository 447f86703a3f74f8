"""DeepSpeed around a training step: processes, ZeRO, precision, optimiser, and the loss of a whole step.

The same code runs under `deepspeed`, `accelerate launch`, `torchrun` and plain `python` (one process), on
CUDA and on CPUs (gloo).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.objective import count_tokens
from training.settings import OptimizerSettings, RunSettings
from training.timed_run import autocast_for
from uare.errors import ConfigError
from uare.segments import PackedBatch

# What a launcher would have set for a single process; port 0: any that is free.
ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
MISSING_RANK_TIMEOUT_S = 300  # until a process that never came up is an error
SLOWEST_RANK_S = 3600  # until a process that others wait for is an error: rank 0 may write for long


@dataclass(frozen=True)
class Ranks:
    """This process among all."""

    rank: int
    world: int
    device: torch.device


def join_ranks() -> Ranks:
    """Meets the other processes that the launcher started; alone without a launcher.

    ConfigError where there are fewer accelerators than processes of this machine, or a process is missing.
    """
    for name, value in ALONE.items():
        os.environ.setdefault(name, value)  # DeepSpeed looks there too
    rank, world, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    num_gpus = torch.cuda.device_count()
    if num_gpus and local_rank >= num_gpus:
        raise ConfigError(
            f"process {local_rank} of this machine found {num_gpus} GPUs, expected one each; start fewer"
        )
    device = torch.device("cuda", local_rank) if num_gpus else torch.device("cpu")
    if num_gpus:
        torch.cuda.set_device(device)
    _without_compiled_collectives()
    dist.init_process_group(
        "nccl" if num_gpus else "gloo",
        store=_meet(rank, world),
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=SLOWEST_RANK_S),
    )
    import deepspeed

    deepspeed.init_distributed(verbose=False)
    return Ranks(rank, world, device)


def _meet(rank: int, world: int) -> dist.Store:
    """The store through which processes find each other; ConfigError that names those which never came."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    timeout_s = float(os.environ.get("UARE_RANK_TIMEOUT_S", MISSING_RANK_TIMEOUT_S))
    is_host = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        shared = dist.TCPStore(
            host, port, None, is_host, timedelta(seconds=timeout_s), wait_for_workers=False, multi_tenant=True
        )
    except (dist.DistError, RuntimeError) as error:
        raise ConfigError(
            f"process {rank} cannot reach process 0 at {host}:{port} ({str(error)[:120]}); "
            "look at its log, and at MASTER_ADDR and MASTER_PORT"
        ) from None
    store = dist.PrefixStore(f"uare-{attempt}", shared)
    store.set(f"here/{rank}", "1")
    deadline = time.monotonic() + timeout_s
    while missing := [other for other in range(world) if not store.check([f"here/{other}"])]:
        if time.monotonic() > deadline:
            raise ConfigError(
                f"process {rank} of {world} waited {timeout_s:.0f} s for process "
                f"{', '.join(map(str, missing))}; look at the log of the missing one"
            )
        time.sleep(0.1)
    return store


def _without_compiled_collectives() -> None:
    """Keeps DeepSpeed from compiling a shared-memory operator on CPUs: a minute, and it needs a compiler."""
    import deepspeed.ops

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def rate_factor(step: int, settings: RunSettings) -> float:
    """Factor of the learning rate at a step: linear from 0 (BAGEL), then constant, cosine or line to 0."""
    form = settings.optimizer
    if step < form.warmup_steps:
        return step / form.warmup_steps
    if form.schedule == "constant":
        return 1.0
    done = (step - form.warmup_steps) / max(1, settings.steps - form.warmup_steps)
    if form.schedule == "linear":
        return 1.0 - min(done, 1.0)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def deepspeed_config(settings: RunSettings, world: int) -> dict[str, Any]:
    """The ZeRO part from the file that the settings name, everything else from the settings."""
    document: dict[str, Any] = {"zero_optimization": {"stage": 1}}
    if settings.deepspeed is not None:
        try:
            document = json.loads(settings.deepspeed.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the DeepSpeed file {settings.deepspeed} ({error})") from None
    if document.get("zero_optimization", {}).get("stage", 0) not in (1, 2, 3):
        raise ConfigError(f"{settings.deepspeed} has no ZeRO stage of 1, 2 or 3; set zero_optimization.stage")
    rows = settings.rows_per_step
    if rows % world:
        raise ConfigError(
            f"data.rows_per_step is {rows}, not a multiple of {world} processes; change one of them"
        )
    return {
        **document,
        "train_micro_batch_size_per_gpu": 1,  # rows; a row holds many samples
        "gradient_accumulation_steps": rows // world,
        "gradient_clipping": settings.optimizer.max_grad_norm,
        "bf16": {"enabled": settings.precision == "bf16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1_000_000_000,
        "wall_clock_breakdown": False,
    }


def make_optimizer(step: nn.Module, form: OptimizerSettings, device: torch.device) -> torch.optim.AdamW:
    """AdamW over the trained weights, fused where the platform has it."""
    trained = [weight for weight in step.parameters() if weight.requires_grad]
    if not trained:
        raise ConfigError("the phase trains no weight of this model; check phase and lora")
    return torch.optim.AdamW(
        trained,
        lr=form.learning_rate,
        betas=form.betas,
        eps=form.eps,
        weight_decay=form.weight_decay,
        fused=device.type == "cuda",
    )


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What a step says about itself; losses are of all ranks."""

    loss: float
    velocity_loss: float
    text_loss: float
    grad_norm: float
    learning_rate: float
    is_applied: bool  # False where loss or gradient was not finite and the step was skipped


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What came of moving the weights once."""

    sums: list[float]  # of the shares' figures, over all ranks
    grad_norm: float
    learning_rate: float
    is_applied: bool  # False where loss or gradient was not finite


class TrainingEngine:
    """The sharded network in training: `step` takes this rank's packed rows and moves the weights."""

    def __init__(self, module: nn.Module, settings: RunSettings, ranks: Ranks) -> None:
        import deepspeed

        self.settings, self.ranks = settings, ranks
        self.step_index = 0  # steps done, skipped ones too: it says which rows come next
        optimizer = make_optimizer(module, settings.optimizer, ranks.device)
        config = deepspeed_config(settings, ranks.world)
        self.zero_stage: int = config["zero_optimization"]["stage"]
        self.deepspeed, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config)

    @property
    def module(self) -> Any:
        """The module given at the start, whose weights are sharded."""
        return self.deepspeed.module

    def step(self, batches: Sequence[PackedBatch]) -> StepReport:
        """One optimiser step over the rows of all ranks; skipped where loss or gradient is not finite."""
        counts = count_tokens(batches, self.ranks.device)

        def share(batch: PackedBatch) -> tuple[Tensor, Tensor]:
            loss, velocity, text = self.deepspeed(batch.to(self.ranks.device), counts.latents, counts.words)
            return loss, torch.stack([loss.detach(), velocity, text])

        moved = self.descend([partial(share, batch) for batch in batches])
        self.step_index += 1
        loss_sum, velocity_sum, text_sum = moved.sums
        return StepReport(
            loss=loss_sum,
            velocity_loss=velocity_sum,
            text_loss=text_sum,
            grad_norm=moved.grad_norm,
            learning_rate=moved.learning_rate,
            is_applied=moved.is_applied,
        )

    def descend(self, shares: Sequence[Callable[[], tuple[Tensor, Tensor]]]) -> Moved:
        """Moves the weights down the sum, over micro-steps and ranks, of the losses that `shares` compute.

        Each gives its share of the loss, and figures to be summed. There are as many as the settings' rows
        of a step give this rank.
        """
        rate = self.settings.optimizer.learning_rate * rate_factor(self.step_index, self.settings)
        for group in self.deepspeed.optimizer.param_groups:
            group["lr"] = rate
        sums: Tensor | None = None
        for share in shares:
            with computing(self.settings, self.ranks.device):
                loss, figures = share()
            # DeepSpeed divides by the micro-steps and averages over ranks; ours is a share of the sum
            self.deepspeed.backward(loss * len(shares) * self.ranks.world)
            sums = figures.double() if sums is None else sums + figures.double()
            self.deepspeed.step()
        assert sums is not None  # no step is without rows
        if self.ranks.world > 1:
            dist.all_reduce(sums)
        norm = self.deepspeed.get_global_grad_norm()
        return Moved(
            sums=sums.tolist(),
            grad_norm=float("nan") if norm is None else float(norm),
            learning_rate=rate,
            is_applied=bool(self.deepspeed.was_step_applied()),
        )

    @torch.no_grad()
    def refresh_weights(self) -> None:
        """Copies the master weights into the weights that the network computes with, on every process."""
        outer = self.deepspeed.optimizer
        if self.zero_stage < 3:
            outer.update_lp_params()
            return
        for group in range(len(outer.fp32_partitioned_groups_flat)):
            outer._reassign_or_swap_out_partitioned_parameters(group)
        if outer.persistent_parameters:
            outer.persistent_parameters[0].partition(outer.persistent_parameters)
            outer.persistent_parameters[0].all_gather(outer.persistent_parameters)


def computing(settings: RunSettings, device: torch.device) -> AbstractContextManager[object]:
    """The precision in which the phase computes, whatever its weights are stored in."""
    if settings.precision == "bf16_autocast":
        return autocast_for(device)
    return torch.autocast(device.type, enabled=False)


def trained_weights(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Names and weights that are trained, in a fixed order."""
    return [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]


def master_partitions(deepspeed_optimizer: Any, zero_stage: int) -> list[Tensor]:
    """This rank's flat float32 master weights, one tensor for each group (or sub-group) of the optimiser."""
    if zero_stage == 3:
        return list(deepspeed_optimizer.fp32_partitioned_groups_flat)
    return list(deepspeed_optimizer.single_partition_of_fp32_groups)
