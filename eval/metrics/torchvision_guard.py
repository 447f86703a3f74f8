"""Lets torchvision be imported beside a build of torch that its library does not fit.

PyPI has torchvision for Linux with CUDA only. Beside a CPU build of torch its compiled library cannot be
loaded, and the import then ends in `operator torchvision::nms does not exist`, because fake versions of
operators are registered that nobody has declared. Declaring them is enough for everything that is written in
Python: models, transforms, pyiqa. Calling such an operator still fails, with a clear error.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch

ABSENT, NATIVE, DECLARED = "absent", "native", "declared"
_DECLARED_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def prepare_torchvision() -> str:
    """Makes `import torchvision` work; to be called before anything imports it.

    ABSENT: it is not installed. NATIVE: its own library loads, nothing was done. DECLARED: it does not, and
    the operators stand without code.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return ABSENT
    # Beside a pair that fits, a second declaration would abort the process.
    if torch.version.cuda or torch.version.hip or _library_loads(Path(spec.submodule_search_locations[0])):
        return NATIVE
    for operator in _DECLARED_OPERATORS:
        _library().define(operator + _SIGNATURE)
    return DECLARED


@cache
def _library() -> torch.library.Library:
    """Declarations live as long as this object, hence the cache."""
    return torch.library.Library("torchvision", "FRAGMENT")


def _library_loads(package: Path) -> bool:
    for file in sorted(package.glob("_C*.so")):  # the name differs between versions
        try:
            torch.ops.load_library(str(file))
        except OSError:
            continue
        return True
    return False
