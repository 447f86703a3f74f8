"""Pixels to the patches that the vision encoder reads."""

from torch import Tensor

from uare.config import TransformConfig, UAREConfig
from uare.packing import VisionImage, patchify_image
from uare.resizing import fitted


def vision_item(
    image: Tensor, config: UAREConfig, limits: TransformConfig, num_images: int = 1, dropped: bool = False
) -> VisionImage:
    """Fits an image (3, H, W) in [0, 1] to `limits` and cuts it into ViT patches in [-1, 1]."""
    image = fitted(image, limits, num_images)
    patch = config.vision.patch_size
    return VisionImage(
        patches=patchify_image((image.float() - 0.5) / 0.5, patch),
        grid=(image.shape[-2] // patch, image.shape[-1] // patch),
        dropped=dropped,
    )
