"""SAM's regions of a photo: every point of a grid is asked for its mask (Kirillov et al. 2023).

Only weights that lie in a folder are read, never fetched. The picture is prepared here, because the library's
own preparation needs torchvision.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import SamModel
from transformers.utils import logging as transformers_logging

from uare.errors import CheckpointError
from uare.partition import NUM_REGIONS, Labels, partition_of_masks

POINTS_PER_SIDE = 16
POINTS_PER_BATCH = 64
LEAST_CONFIDENCE = 0.88  # predicted IoU of a mask that is kept; SAM's own limit
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as SAM was trained


class SamSegmenter:
    """A photo's regions by SAM; calling it gives labels."""

    def __init__(self, model: SamModel) -> None:
        self.model = model.eval()

    @classmethod
    def from_folder(cls, folder: str | Path, device: torch.device | str = "cpu") -> SamSegmenter:
        """Reads `config.json` and weights of transformers' SAM; CheckpointError where they are not there."""
        if not Path(folder, "config.json").is_file():
            raise CheckpointError(
                f"{folder} holds no config.json, expected a folder of a SAM model as transformers saves it; "
                "name that folder, or leave --segmenter out for regions without a network"
            )
        transformers_logging.disable_progress_bar()
        try:
            model = SamModel.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise CheckpointError(f"{folder} is no readable SAM model ({error}); save it again") from error
        return cls(model.to(device))  # type: ignore[arg-type]  # the library's stub loses the bound method

    def __call__(self, pixels: Tensor, num_regions: int = NUM_REGIONS) -> Labels:
        """Labels (H, W) of an image (3, H, W) in [0, 1]; one region where SAM is sure of nothing."""
        masks, scores = self.masks(pixels)
        return partition_of_masks(masks, scores, num_regions)

    @torch.no_grad()
    def masks(self, pixels: Tensor) -> tuple[NDArray[np.bool_], list[float]]:
        """Masks (n, H, W) that SAM is sure of, and the IoU that it predicts for each."""
        side = self.model.config.vision_config.image_size
        height, width = pixels.shape[-2:]
        scale = side / max(height, width)
        inner = (max(1, round(height * scale)), max(1, round(width * scale)))
        embeddings = self.model.get_image_embeddings(self._prepared(pixels, inner, side))
        steps = (torch.arange(POINTS_PER_SIDE) + 0.5) / POINTS_PER_SIDE
        y, x = torch.meshgrid(steps * inner[0], steps * inner[1], indexing="ij")
        points = torch.stack([x, y], dim=-1).reshape(1, -1, 1, 2)  # (1, points, 1, xy)
        found, scores = [], []
        for batch in points.split(POINTS_PER_BATCH, dim=1):
            output = self.model(image_embeddings=embeddings, input_points=batch.to(self.model.device))
            sure = output.iou_scores[0] >= LEAST_CONFIDENCE  # (points, 3)
            logits = output.pred_masks[0][sure][:, None]  # (n, 1, side/4, side/4)
            if not len(logits):
                continue
            whole = F.interpolate(logits.float(), (side, side), mode="bilinear")[..., : inner[0], : inner[1]]
            found.append((F.interpolate(whole, (height, width), mode="bilinear")[:, 0] > 0).cpu().numpy())
            scores += output.iou_scores[0][sure].tolist()
        if not found:
            return np.zeros((0, height, width), dtype=bool), []
        return np.concatenate(found), scores

    def _prepared(self, pixels: Tensor, inner: tuple[int, int], side: int) -> Tensor:
        """SAM's input (1, 3, side, side): resized, normalised, filled up at the right and below."""
        image = F.interpolate(pixels.float()[None], inner, mode="bilinear", antialias=True).clamp(0, 1)
        image = (image - image.new_tensor(_MEAN)[:, None, None]) / image.new_tensor(_STD)[:, None, None]
        return F.pad(image, (0, side - inner[1], 0, side - inner[0])).to(self.model.device)
