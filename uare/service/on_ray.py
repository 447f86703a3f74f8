"""The service as a deployment of Ray Serve: the same application in several replicas behind one port.

Each replica has a model and a line of its own; Ray hands a request to the one that has fewer. Limits and
answers are those of `uare serve`, for every replica.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from fastapi import FastAPI

from uare.batch.loop import Json
from uare.errors import InputError
from uare.pipeline import UAREPipeline
from uare.ray_cluster import Cluster, connected, gpus_of_a_worker
from uare.screen import Screen
from uare.service.app import create_app
from uare.service.limits import Limits
from uare.service.server import GRACE_S

NAME = "uare"
# Requests that a replica takes besides those of its line, so that the line itself refuses what is too much
# and health checks get through.
BESIDE_THE_LINE = 16
SPARE_CPUS = 1  # for Ray's own processes


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a replica is made from, in a form that travels."""

    open_pipeline: Callable[[], tuple[UAREPipeline, Json]]
    limits: Limits
    api_key: str | None
    hosts: frozenset[str] | None  # see `uare.service.door`

    def build(self) -> FastAPI:
        """The application, with a model of its own."""
        pipe, facts = self.open_pipeline()
        return create_app(pipe, facts, self.limits, api_key=self.api_key, hosts=self.hosts)


def run_on_ray(
    recipe: Recipe, cluster: Cluster, address: tuple[str, int], device: str | None, screen: Screen
) -> None:
    """Serves at (host, port) until SIGTERM or Ctrl-C. Raises InputError where the replicas do not start."""
    with connected(cluster, spare_cpus=SPARE_CPUS) as ray:
        from ray import serve

        ended = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ended.set()

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, end)
        host, port = address
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
        try:
            deployment = _deployment(serve, recipe, cluster, gpus_of_a_worker(ray, device))
            serve.run(deployment, name=NAME, logging_config={"log_level": "WARNING"})
            screen.note(f"{cluster.workers} replicas serve at http://{host}:{port}, paths at /docs")
            while not ended.wait(1.0):
                pass
        except RuntimeError as error:
            raise InputError(f"the replicas did not start ({error}); see `serve status`") from error
        finally:
            serve.shutdown()


def _deployment(serve: Any, recipe: Recipe, cluster: Cluster, num_gpus: int) -> Any:
    is_local = cluster.address is None

    def build() -> FastAPI:  # Ray calls it in each replica; it has to be a plain function
        if is_local:
            _stay_at_loopback()
        return recipe.build()

    ingress = serve.ingress(build)()
    return serve.deployment(
        ingress,
        name=NAME,
        num_replicas=cluster.workers,
        max_ongoing_requests=recipe.limits.waiting + 1 + BESIDE_THE_LINE,
        graceful_shutdown_timeout_s=recipe.limits.timeout_s + GRACE_S,
        ray_actor_options={"num_cpus": 1, "num_gpus": num_gpus},
    ).bind()


def _stay_at_loopback() -> None:
    """Called in a replica before it listens for others, which it would do at all addresses of the machine.

    What comes there is unpickled, so whoever reached it could run code. Ray 2.60 has no setting for it.
    """
    from ray.serve._private import replica

    module: Any = replica
    open_port = module.add_port_to_grpc_server
    module.add_port_to_grpc_server = lambda server, address: open_port(
        server, address.replace("[::]", "127.0.0.1")
    )
