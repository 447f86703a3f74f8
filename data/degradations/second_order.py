"""Real-ESRGAN's chain: blur, resizing, noise and JPEG, twice, and a ringing low-pass at the end.

Wang et al., "Real-ESRGAN", ICCVW 2021, with the numbers of its published training options. Filters and the
last JPEG run on the whole batch; between the resizings images have sizes of their own and go one by one.
"""

import math

import torch
from torch import Tensor

from data.degradations.jpeg import encode_decode
from data.degradations.kernels import convolve
from data.degradations.mixed_kernels import draw_sizes, point_kernels, ringing_blur_px, ringing_kernels
from data.degradations.sampling import Generators, one_each, uniform
from data.degradations.stages import (
    FIRST,
    SECOND,
    check_chain,
    draw_modes,
    draw_stages,
    noisy,
    resized,
)
from data.degradations.traces import Trace
from data.records import DegradationRecord

QUALITY = (30.0, 95.0)
RINGING_SHARE = 0.8  # of images that get the low-pass at the end
JPEG_LAST_SHARE = 0.5  # of images whose second JPEG follows the low-pass instead of leading it


def degrade_second_order(
    images: Tensor, generator: Generators, *, scale: int = 1
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms images (B, 3, H, W) in [0, 1]; returns 8-bit values (B, 3, H // scale, W // scale) and records.

    With a generator per image, an image is harmed as it would be alone. Severities are read off the ladders
    of the single types (`traces.py`). Raises `InputError` where the scale leaves no picture.
    """
    count, _, height, width = images.shape
    out_height, out_width = check_chain(images, scale)
    firsts, seconds = draw_stages(count, FIRST, generator), draw_stages(count, SECOND, generator)
    first_quality, second_quality = (uniform(count, *QUALITY, generator).round() for _ in range(2))
    last_modes = draw_modes(count, generator)
    cutoff_rad = uniform(count, math.pi / 3, math.pi, generator)
    size_px = draw_sizes(count, generator)
    rings = uniform(count, 0, 1, generator) < RINGING_SHARE
    jpeg_last = uniform(count, 0, 1, generator) < JPEG_LAST_SHARE
    traces = [Trace(rows=[height]) for _ in range(count)]

    soft = convolve(images, torch.cat([stage.kernel for stage in firsts]).to(images.device))
    before_the_end = []
    for index, drawing in enumerate(one_each(generator, count)):
        first, second, trace = firsts[index], seconds[index], traces[index]
        trace.blur(first.blur_px)
        image = soft[index : index + 1]
        image = resized(image, height * first.factor, width * first.factor, first.mode, trace)
        image = noisy(image, first, drawing, trace)
        image = _jpeg(image, first_quality[index], trace)

        trace.blur(second.blur_px)
        image = convolve(image, second.kernel.to(image.device))
        image = resized(image, out_height * second.factor, out_width * second.factor, second.mode, trace)
        image = noisy(image, second, drawing, trace)
        if not jpeg_last[index]:
            image = _jpeg(image, second_quality[index], trace)
        before_the_end.append(resized(image, out_height, out_width, last_modes[index], trace))

    ringing = ringing_kernels(cutoff_rad, size_px)
    ringing = torch.where(rings.view(-1, 1, 1), ringing, point_kernels(count, ringing.device))
    result = convolve(torch.cat(before_the_end), ringing.to(images.device)).clamp(0, 1)
    chosen = jpeg_last.nonzero().squeeze(1)
    if len(chosen):
        place = chosen.to(images.device)
        result[place] = encode_decode(result[place], second_quality[chosen].to(images.device), True)
    for index, trace in enumerate(traces):
        if rings[index]:
            trace.blur(float(ringing_blur_px(cutoff_rad[index])))
        if jpeg_last[index]:
            trace.codec("jpeg", int(second_quality[index]))
    return (result * 255).round() / 255, [trace.records() for trace in traces]


def _jpeg(image: Tensor, quality: Tensor, trace: Trace) -> Tensor:
    """Image (1, 3, H, W) in [0, 1] through JPEG with halved chroma, at a quality without axes."""
    trace.codec("jpeg", int(quality))
    return encode_decode(image.clamp(0, 1), quality.view(1).to(image.device), True)
