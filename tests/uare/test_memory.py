"""How much memory a large photo takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from uare.checkpoints.folders import DEFAULT_MODEL, find_folder
from uare.errors import CheckpointError

LIMIT_GIB = 6  # what a laptop has to spare

# One step: each has the same peak. The peak is asked of /proc, as the process sees it.
RESTORE = """
import sys
import numpy as np
from eval.memory import peak_memory_bytes
from uare import UAREPipeline
photo = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
image = UAREPipeline.from_pretrained(sys.argv[1], device="cpu").restore(photo, steps=1).image
print(*image.shape, peak_memory_bytes())
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_photo_of_12_megapixels_is_restored_in_6_gib(checkout: Path) -> None:
    try:
        model = find_folder(DEFAULT_MODEL)
    except CheckpointError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, "-c", RESTORE, str(model)], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    height, width, channels, peak = map(int, done.stdout.split())
    assert (height, width, channels) == (3000, 4000, 3)
    assert peak / 2**30 <= LIMIT_GIB
