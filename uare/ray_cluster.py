"""Ray, for commands that use several processes or machines: a cluster that is there, or one of this machine.

A cluster that is started here listens at loopback alone, takes a bounded share of the memory, sends no
statistics to anybody, and ends with the command. Needs the extra `ray`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from types import ModuleType

from uare.errors import ConfigError, InputError

OBJECT_STORE_BYTES = 128 * 2**20  # photos are read by the workers themselves: only records pass through it
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Which cluster, and how many workers of ours in it."""

    address: str | None  # None: started here
    workers: int

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"the number of workers must be at least 1, found {self.workers}")


@contextmanager
def connected(cluster: Cluster, *, spare_cpus: int = 0) -> Iterator[ModuleType]:
    """The module `ray`, connected; a cluster of this machine has a CPU for each worker and `spare_cpus` more.

    Raises ConfigError where Ray is not installed, InputError where the cluster cannot be reached.
    """
    ray = _load_ray(is_local=cluster.address is None)
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if cluster.address is None:
            ray.init(
                address="local",
                num_cpus=cluster.workers + spare_cpus,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                _node_ip_address=_LOOPBACK,
                **quiet,
            )
        else:
            ray.init(address=cluster.address, **quiet)
    except Exception as error:  # Ray raises plain ones too, as for a node that does not start in time
        place = "on this machine" if cluster.address is None else f"at {cluster.address}"
        raise InputError(f"Ray cannot be reached or started {place} ({error}); check --address") from error
    with redirect_stdout(sys.stderr):  # Ray tells of workers that died, to its end; stdout is for results
        try:
            yield ray
        finally:
            ray.shutdown()


def gpus_of_a_worker(ray: ModuleType, device: str | None) -> int:
    """1 where the cluster has GPUs and the work is not meant for another device."""
    wants = device is None or device.startswith("cuda")
    return int(wants and ray.cluster_resources().get("GPU", 0) > 0)


def _load_ray(*, is_local: bool) -> ModuleType:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if is_local:
        # Ray replaces a loopback address by that of the network and then listens at all of them; where it
        # believes that it cannot form a cluster, as on macOS, it does not. It reads this when it is loaded.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f'{error.name} is not installed; --ray needs: pip install "uare[ray]"') from error
    return ray
