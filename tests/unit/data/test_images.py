"""Crops of stored images against hand-worked pixels and torchvision's transforms."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from cal.data.images import RATIO, SCALE, ImageView, centre_boxes, cut, random_boxes

IDS = np.arange(2000)
WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])


def boxes(height: int, width: int, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
    shapes = np.tile([height, width], (len(IDS), 1))
    return random_boxes(shapes, IDS, seed=seed, epoch=epoch)


def smooth(height: int, width: int) -> Tensor:
    """A picture [3, Y, X] in which neighbours differ little, so that sampling can be compared."""
    down, across = torch.meshgrid(
        torch.linspace(0, 3, height), torch.linspace(0, 4, width), indexing="ij"
    )
    planes = [torch.sin(down), torch.cos(across), torch.sin(down + across)]
    return ((torch.stack(planes) + 1) * 127).round().to(torch.uint8)


def stored(picture: Tensor, size: int) -> Tensor:
    """As ``prepare`` keeps it: squeezed, [1, 1, S, S, 3]."""
    squeezed = v2.functional.resize(picture, [size, size], antialias=True)
    return squeezed.permute(1, 2, 0)[None, None]


def test_a_box_by_hand() -> None:
    """The lower right quarter of 4 x 4 pixels, at its own size."""
    pixels = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4, 1).expand(1, 1, 4, 4, 3)
    box = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    found = cut(pixels, box, torch.tensor([False]), side=2)
    assert torch.allclose(found[0, 0, 0], torch.tensor([[10.0, 11.0], [14.0, 15.0]]), atol=1e-4)
    mirrored = cut(pixels, box, torch.tensor([True]), side=2)
    assert torch.allclose(mirrored[0, 0, 2], torch.tensor([[11.0, 10.0], [15.0, 14.0]]), atol=1e-4)


def test_all_frames_of_a_sample_have_one_box() -> None:
    frames = torch.stack([smooth(32, 32), smooth(32, 32).flip(0)]).permute(0, 2, 3, 1)[None]
    found = cut(frames, torch.tensor([[0.1, 0.2, 0.5, 0.6]]), torch.tensor([True]), side=16)
    assert torch.allclose(found[0, 0], found[0, 1].flip(0), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(360, 480), (480, 360), (300, 300)])
def test_the_centre_is_that_of_resize_and_centre_crop(height: int, width: int) -> None:
    picture = smooth(height, width)
    shorter = v2.functional.resize(picture, 256, antialias=True)
    wanted = v2.functional.center_crop(shorter, 224).float()
    box = torch.from_numpy(centre_boxes(np.array([[height, width]])))
    found = cut(stored(picture, 256), box, torch.tensor([False]), side=224)[0, 0]
    assert (found - wanted).abs().mean() < 1.0, "grey levels"
    assert (found - wanted).abs().max() < 4.0


def test_the_whole_is_that_of_a_squeezing_resize() -> None:
    picture = smooth(360, 480)
    wanted = v2.functional.resize(picture, [224, 224], antialias=True).float()
    found = cut(stored(picture, 256), WHOLE, torch.tensor([False]), side=224)[0, 0]
    assert (found - wanted).abs().mean() < 1.0
    assert (found - wanted).abs().max() < 4.0


@pytest.mark.parametrize(("height", "width"), [(360, 480), (100, 900), (224, 224)])
def test_random_boxes_lie_within_and_have_the_aspect_asked_for(height: int, width: int) -> None:
    top, left, tall, wide = boxes(height, width).T
    assert (np.stack([top, left]) >= 0).all()
    assert (top + tall <= 1 + 1e-9).all()
    assert (left + wide <= 1 + 1e-9).all()
    aspect = (wide * width) / (tall * height)
    assert (aspect > RATIO[0] - 1e-9).all()
    assert (aspect < RATIO[1] + 1e-9).all()
    if height == width:
        assert (tall * wide > SCALE[0] - 1e-9).all()


def test_random_boxes_have_the_law_of_torchvision() -> None:
    """Mean area and mean place of 2,000 boxes: 5 standard errors of a difference."""
    image = torch.zeros(3, 360, 480)
    torch.manual_seed(0)
    drawn = [
        v2.RandomResizedCrop(224, antialias=True).make_params([image]) for _ in range(len(IDS))
    ]
    theirs = np.array([[d["top"] / 360, d["height"] * d["width"] / 360 / 480] for d in drawn])
    top, _, tall, wide = boxes(360, 480).T
    ours = np.stack([top, tall * wide], 1)
    error = np.sqrt((theirs.var(0) + ours.var(0)) / len(IDS))
    assert (np.abs(theirs.mean(0) - ours.mean(0)) < 5 * error).all()


def test_boxes_depend_on_seed_epoch_and_sample_alone() -> None:
    first = boxes(360, 480)
    shapes = np.tile([360, 480], (2, 1))
    assert np.array_equal(random_boxes(shapes, IDS[[7, 3]], seed=0, epoch=0), first[[7, 3]])
    assert not np.array_equal(boxes(360, 480, epoch=1), first)
    assert not np.array_equal(boxes(360, 480, seed=1), first)


def view(**changes: object) -> ImageView:
    given = {
        "data_set": "nyud2",
        "shapes": np.tile([30, 40], (9, 1)),
        "frames": (1,),
        "side": 8,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.5, 1.0),
        "centre": False,
        "augment": True,
        "seed": 0,
    }
    return ImageView(**(given | changes))  # type: ignore[arg-type]


def test_a_view_normalises_each_channel_and_takes_the_frames_asked_for() -> None:
    pixels = np.zeros((2, 3, 8, 8, 3), np.uint8)
    pixels[:, 1] = 255
    one = view()
    found = one.seen(one.sent(pixels), np.array([0, 1]), None)
    assert found.shape == (2, *one.shape) == (2, 3, 8, 8)
    assert torch.allclose(found[0, :, 0, 0], torch.tensor([2.0, 1.0, 0.5]))
    two = view(frames=(0, 1))
    assert two.seen(two.sent(pixels), np.array([0, 1]), None).shape == (2, 2, 3, 8, 8)


def test_augmentation_can_be_left_out() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 8, 8, 3)).astype(np.uint8)
    plain, ids = view(augment=False), np.array([0, 1])
    sent = plain.sent(pixels)
    assert torch.equal(plain.seen(sent, ids, 3), plain.seen(sent, ids, None))
    assert not torch.equal(view().seen(sent, ids, 3), view().seen(sent, ids, None))
    assert not torch.equal(view(centre=True).seen(sent, ids, None), plain.seen(sent, ids, None))
