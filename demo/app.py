"""The page to try UARE on, in a browser: `python demo/app.py [--model PATH] [--port N] [--share]`.

Restores, assesses and compares photos on this machine; docs/demo.md explains it and its API.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import signal
from collections.abc import Sequence

from uare.errors import UAREError

INSTALL = 'error: {name} is not installed; the demo needs: pip install -e ".[demo]"'


def main(argv: Sequence[str] | None = None) -> int:
    """Serves the page until it is stopped; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo/app.py", description="Opens a page to try UARE on.")
    parser.add_argument("--model", default="uare-tiny", help="name or folder (default: uare-tiny)")
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860")
    parser.add_argument(
        "--share", action="store_true", help="a public address through gradio's servers, for 72 hours at most"
    )
    parser.add_argument("--quiet", action="store_true", help="prints the address and nothing else")
    chosen = parser.parse_args(argv)
    try:
        from demo.desk import Desk
        from demo.page import build, keep_uploads_with, serve
    except ModuleNotFoundError as error:
        print(INSTALL.format(name=error.name), file=sys.stderr)
        return 2
    from uare.documents import model_facts
    from uare.pipeline import UAREPipeline

    try:
        pipe = UAREPipeline.from_pretrained(chosen.model, device=chosen.device)
    except UAREError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    desk = Desk(pipe, model_facts(chosen.model, pipe))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that photos are deleted then too
    try:
        keep_uploads_with(desk)
        page = build(desk)
        address = serve(page, desk, port=chosen.port, share=chosen.share)
        print(f"the page is at {address}", flush=True)
        if not chosen.quiet:
            print("Ctrl-C ends it; photos that were sent are deleted then", file=sys.stderr)
        page.block_thread()
    except OSError as error:  # the port is taken
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        desk.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
