"""Stored images as the network sees them: a box of each, flipped or not, at one size, normalised.

Stored images are squeezed to a square as a whole; boxes are parts of the original, whose shape is
known, so a crop has the true aspect. Sampling is bilinear. Legend: B samples, F frames, S stored
side, Y output side.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from cal.data.noise import between, key_of, uniforms
from cal.data.reading import Array
from cal.data.splits import Ids

Floats = npt.NDArray[np.float64]
SCALE = (0.08, 1.0)  # share of the area of a random crop
RATIO = (3 / 4, 4 / 3)  # width to height of one
TRIES = 10
"""As torchvision's RandomResizedCrop, but boxes are not rounded to whole pixels."""
CENTRE = 224 / 256  # of the shorter side, of a centre crop


def random_boxes(shapes: Array, ids: Ids, *, seed: int, epoch: int) -> Floats:
    """Top, left, height, width [B, 4] as shares of images of ``shapes`` [B, 2] (height, width).

    The first of ten draws of area and aspect that fits; else the largest centre crop of an allowed
    aspect.
    """
    height, width = shapes.astype(np.float64).T
    draws = uniforms(key_of("crop", seed, epoch), ids, 2 * TRIES + 2)
    area = height[:, None] * width[:, None] * between(draws[:, :TRIES], *SCALE)
    aspect = np.exp(between(draws[:, TRIES : 2 * TRIES], *map(math.log, RATIO)))
    tall, wide = np.sqrt(area / aspect), np.sqrt(area * aspect)
    fits = (tall <= height[:, None]) & (wide <= width[:, None])
    first, some = fits.argmax(1), np.arange(len(ids))
    allowed = np.clip(width / height, *RATIO)
    tall = np.where(fits.any(1), tall[some, first], np.minimum(height, width / allowed))
    wide = np.where(fits.any(1), wide[some, first], np.minimum(width, height * allowed))
    place = np.where(fits.any(1)[:, None], draws[:, 2 * TRIES :], 0.5)
    tall, wide = tall / height, wide / width
    return np.stack([place[:, 0] * (1 - tall), place[:, 1] * (1 - wide), tall, wide], 1)


def centre_boxes(shapes: Array) -> Floats:
    """The middle 224/256 of the shorter side, a square of the original."""
    height, width = shapes.astype(np.float64).T
    side = CENTRE * np.minimum(height, width)
    tall, wide = side / height, side / width
    return np.stack([(1 - tall) / 2, (1 - wide) / 2, tall, wide], 1)


def cut(images: Tensor, boxes: Tensor, flips: Tensor, *, side: int) -> Tensor:
    """uint8 [B, F, S, S, 3], boxes [B, 4], flips [B] bool -> float [B, F, 3, Y, Y] of 0 to 255."""
    count, frames = images.shape[:2]
    top, left, tall, wide = boxes.to(images.device, torch.float32).unbind(1)
    sign = torch.where(flips.to(images.device), -1.0, 1.0)
    zero = torch.zeros_like(top)
    across = torch.stack([sign * wide, zero, 2 * left + wide - 1], 1)
    down = torch.stack([zero, tall, 2 * top + tall - 1], 1)
    theta = torch.stack([across, down], 1).repeat_interleave(frames, 0)
    maps = images.flatten(0, 1).permute(0, 3, 1, 2).float()
    size = [count * frames, 3, side, side]
    grid = functional.affine_grid(theta, size, align_corners=False)
    sampled = functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)
    return sampled.unflatten(0, (count, frames))


@dataclass(frozen=True, eq=False)
class ImageView:
    """``shapes`` [all samples, 2]: height and width before storing; ``frames``: which of the stored
    ones; ``mean``, ``std``: of each channel, units of [0, 1].
    """

    data_set: str
    shapes: Array
    frames: tuple[int, ...]
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    centre: bool
    augment: bool
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[3, Y, Y], or [F, 3, Y, Y] of several frames."""
        several = (len(self.frames),) if len(self.frames) > 1 else ()
        return (*several, 3, self.side, self.side)

    def sent(self, stored: Array) -> Tensor:
        """uint8 [B, F, S, S, 3]."""
        return torch.from_numpy(np.ascontiguousarray(stored[:, list(self.frames)]))

    def seen(self, x: Tensor, ids: Ids, epoch: int | None) -> Tensor:
        """[B, (F,) 3, Y, Y], normalised."""
        shapes, flips = self.shapes[ids], np.zeros(len(ids), dtype=bool)
        if epoch is not None and self.augment:
            boxes = random_boxes(shapes, ids, seed=self.seed, epoch=epoch)
            flips = uniforms(key_of("flip", self.seed, epoch), ids, 1)[:, 0] < 0.5
        elif self.centre:
            boxes = centre_boxes(shapes)
        else:
            boxes = np.tile([0.0, 0.0, 1.0, 1.0], (len(ids), 1))
        found = cut(x, torch.from_numpy(boxes), torch.from_numpy(flips), side=self.side)
        normal = self.normalised(found / 255)
        return normal if len(self.frames) > 1 else normal[:, 0]

    def normalised(self, x: Tensor) -> Tensor:
        """[..., 3, Y, X] of [0, 1] -> standardised as the data set's authors do."""
        mean, std = (x.new_tensor(v).view(-1, 1, 1) for v in (self.mean, self.std))
        return (x - mean) / std
