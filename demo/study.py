"""Asks people in their browsers which of two pictures is better: `python demo/study.py --config study.yaml`.

`demo/study_kit/settings.py` has every setting, docs/study.md an example. Prints the address to give away,
links for experts, and one for whoever runs the study. Stopped and started again, or killed, it goes on where
it was; `python eval/preference.py votes.sqlite` analyses the votes, also meanwhile.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from uare.errors import UAREError

INSTALL = 'error: {name} is not installed; studies need: pip install -e ".[study]"'
LOOPBACK = "127.0.0.1"
MOST_AT_ONCE = 500  # connections; more are told to come back


def main(argv: Sequence[str] | None = None) -> int:
    """Serves a study until it is stopped; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo/study.py", description="Asks people which picture is better.")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="YAML", help="the study (docs/study.md)"
    )
    parser.add_argument(
        "--host", default=LOOPBACK, help=f"address to listen at (default: {LOOPBACK}, this machine)"
    )
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any free one")
    chosen = parser.parse_args(argv)
    try:
        import uvicorn

        from demo.study_kit.pages import create_app
        from demo.study_kit.settings import read_study_settings
        from demo.study_kit.study import Study
    except ModuleNotFoundError as error:
        print(INSTALL.format(name=error.name), file=sys.stderr)
        return 2
    try:
        study = Study(read_study_settings(chosen.config))
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in study.pairs.problems:
        print(f"problem: {problem}", file=sys.stderr)
    config = uvicorn.Config(
        create_app(study),
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        access_log=False,
        limit_concurrency=MOST_AT_ONCE,
    )
    try:
        listener = config.bind_socket()
        listener.listen()  # who follows an address as soon as it is printed waits, and is not refused
    except SystemExit:  # the port is taken, which was said
        study.close()
        return 2
    address = f"http://{chosen.host}:{listener.getsockname()[1]}"
    print(f"people join at  {address}/")
    for expert in study.experts():
        print(f"expert          {address}/s/{study.token_of(expert)}")
    print(f"progress        {address}/progress/{study.organiser_token}")
    print(f"votes           {study.settings.database}", flush=True)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        study.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
