"""FSIM, similarity of phase congruency and gradients, with chroma; 1 for equal pictures.

Zhang, Zhang, Mou and Zhang, "FSIM: A feature similarity index for image quality assessment", IEEE TIP 2011;
phase congruency after Kovesi: where the log-Gabor responses of several scales agree in phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve
from scipy.signal import convolve2d

from eval.metrics.full_reference import Array, check_pair

# YIQ of RGB in 0 to 255.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_PHASE_CONSTANT, _GRADIENT_CONSTANT, _CHROMA_CONSTANT, _CHROMA_POWER = 0.85, 160.0, 200.0, 0.03
_SCHARR = np.array([[3.0, 0.0, -3.0], [10.0, 0.0, -10.0], [3.0, 0.0, -3.0]]) / 16
_NUM_SCALES, _NUM_ORIENTATIONS = 4, 4
_SHORTEST_WAVE_PX, _WAVE_RATIO = 6, 2
_BANDWIDTH = 0.55  # of a log-Gabor filter: sigma over centre frequency
_ANGLE_RATIO = 1.2  # distance of orientations over the angular sigma
_NOISE_DEVIATIONS, _NOISE_DIVISOR = 2.0, 1.7
_CUTOFF, _ORDER = 0.45, 15  # of the Butterworth low-pass that keeps the corners of the spectrum out
_TINY = 1e-4


@dataclass(frozen=True, kw_only=True)
class _Features:
    phase: Array  # (h, w)
    gradient: Array  # (h, w)
    i: Array  # (h, w) chroma
    q: Array


def fsim(image: Array, reference: Array) -> float:
    """FSIM with chroma of two (H, W, 3) pictures in [0, 1], both reduced to a short side of about 256 px."""
    check_pair(image, reference, smallest_side=8)
    a, b = _features(image), _features(reference)
    phase = _similarity(a.phase, b.phase, _PHASE_CONSTANT)
    gradient = _similarity(a.gradient, b.gradient, _GRADIENT_CONSTANT)
    chroma = _similarity(a.i, b.i, _CHROMA_CONSTANT) * _similarity(a.q, b.q, _CHROMA_CONSTANT)
    # Opposite hues make the product negative; its real part is what the authors' code keeps of the power.
    chroma = np.real(chroma.astype(np.complex128) ** _CHROMA_POWER)
    weight = np.maximum(a.phase, b.phase)
    total = weight.sum()
    if total == 0:  # two flat pictures have no phase anywhere: nothing to weight, so all places count
        return float(np.mean(phase * gradient * chroma))
    return float((phase * gradient * chroma * weight).sum() / total)


def _similarity(a: Array, b: Array, constant: float) -> Array:
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


def _features(image: Array) -> _Features:
    yiq = 255 * image @ _YIQ.T
    factor = max(1, int(min(image.shape[:2]) / 256 + 0.5))
    y, i, q = (_reduced(yiq[..., channel], factor) for channel in range(3))
    across, down = convolve2d(y, _SCHARR, mode="same"), convolve2d(y, _SCHARR.T, mode="same")
    return _Features(phase=phase_congruency(y), gradient=np.hypot(across, down), i=i, q=q)


def _reduced(plane: Array, factor: int) -> Array:
    """Every factor-th value of the mean over factor x factor, zeros outside, as MATLAB's conv2 "same"."""
    if factor == 1:
        return plane
    kernel = np.full((factor, factor), 1 / factor**2)
    return convolve(plane, kernel, mode="constant")[::factor, ::factor]


def phase_congruency(plane: Array) -> Array:
    """Phase congruency (H, W) of a plane in 0 to 255, in [0, 1): energy above noise over total amplitude."""
    spectrum = np.fft.fft2(plane)
    radial, angular = _filters(plane.shape)
    energy, amplitude = np.zeros(plane.shape), np.zeros(plane.shape)
    for spread in angular:
        filters = [one * spread for one in radial]
        responses = np.stack([np.fft.ifft2(spectrum * one) for one in filters])  # (scales, H, W) complex
        total = responses.sum(axis=0)
        direction = total / (np.abs(total) + _TINY)
        aligned = responses * direction.conj()
        energy_here = (aligned.real - np.abs(aligned.imag)).sum(axis=0)
        energy += np.maximum(energy_here - _noise_threshold(responses[0], filters), 0)
        amplitude += np.abs(responses).sum(axis=0)
    return np.divide(energy, amplitude, out=np.zeros(plane.shape), where=amplitude > 0)


def _noise_threshold(finest: Array, filters: list[Array]) -> float:
    """Energy that noise alone would reach, judged by the median response of the finest filters."""
    noise_power = np.median(np.abs(finest) ** 2) / np.log(2) / np.sum(filters[0] ** 2)
    kernels = [np.real(np.fft.ifft2(one)) * np.sqrt(one.size) for one in filters]
    # Squares count once and each pair of scales twice: the square of the sum holds both.
    square = noise_power * 2 * np.sum(sum(kernels) ** 2)
    scale = np.sqrt(square / 2)
    return (scale * np.sqrt(np.pi / 2) + _NOISE_DEVIATIONS * scale * np.sqrt(2 - np.pi / 2)) / _NOISE_DIVISOR


def _filters(shape: tuple[int, ...]) -> tuple[list[Array], list[Array]]:
    """Radial (per scale) and angular (per orientation) parts of the log-Gabor filters, (H, W) each."""
    down, across = np.meshgrid(*(_frequencies(side) for side in shape), indexing="ij")
    radius = np.fft.ifftshift(np.hypot(across, down))
    angle = np.fft.ifftshift(np.arctan2(-down, across))
    low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _ORDER))
    radius[0, 0] = 1  # its logarithm is taken; the mean of the picture is then left out
    radial = []
    for scale in range(_NUM_SCALES):
        centre = 1 / (_SHORTEST_WAVE_PX * _WAVE_RATIO**scale)
        gabor = np.exp(-(np.log(radius / centre) ** 2) / (2 * np.log(_BANDWIDTH) ** 2)) * low_pass
        gabor[0, 0] = 0
        radial.append(gabor)
    sigma = np.pi / _NUM_ORIENTATIONS / _ANGLE_RATIO
    angular = []
    for orientation in range(_NUM_ORIENTATIONS):
        turned = angle - orientation * np.pi / _NUM_ORIENTATIONS
        distance = np.abs(np.arctan2(np.sin(turned), np.cos(turned)))
        angular.append(np.exp(-(distance**2) / (2 * sigma**2)))
    return radial, angular


def _frequencies(side: int) -> Array:
    """Frequencies of an axis in cycles per pixel, zero in the middle; an odd side reaches both ends."""
    if side % 2:
        return np.arange(-(side - 1) / 2, (side - 1) / 2 + 1) / (side - 1)
    return np.arange(-side / 2, side / 2) / side
