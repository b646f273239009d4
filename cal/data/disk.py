"""Prepared data sets as a run's parts: nothing is read before it is asked for, but the probe.

Images are normalised with the constants of the data set's authors, sound as theirs is; features of
tables by the training samples. Legend: N samples of a part.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cal import home, own
from cal.config import ConfigError, Data
from cal.data import texts
from cal.data.images import ImageView
from cal.data.lazy import Lazy, View
from cal.data.parts import Part, Parts
from cal.data.spectrograms import ArrayView, SoundView, transform
from cal.data.splits import Ids, Labels, Split, split
from cal.data.stored import Stored, open_stored

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NORMAL = {
    "mvsa-single": ((0.4678, 0.4453, 0.4066), (0.1222, 0.1215, 0.1438)),
    "nyud2": ((0.4951, 0.3601, 0.4587), (0.1474, 0.1950, 0.1646)),
}
"""Mean and deviation of each channel where authors have their own (QMF), units of [0, 1]."""
LOOKED_AT = 256  # training samples that give the range of sound and the moments of tables
CPU = torch.device("cpu")


def place(data: Data) -> str:
    """Where the prepared data lie."""
    root = data.root or f"{home.home()}/data/{data.name}"
    return root if "://" in root else str(home.resolve(root))


def opened(data: Data) -> Stored:
    """The folder, checked to hold what the configuration names. Raises ``ConfigError``."""
    stored = open_stored(place(data))
    wanted = data.name
    if own.is_own(wanted):
        wanted = getattr(own.found(wanted), "name", wanted)  # as its layout calls itself
    found = stored.manifest["data_set"]
    if found != wanted:
        raise ConfigError(f"data.root: given {place(data)}; it holds {found}; allowed: {wanted}")
    names = [modality.name for modality in own.modalities(data.name)]
    if list(stored.manifest["modalities"]) != names:
        raise ConfigError(
            f"data.root: given {place(data)}; it has {', '.join(stored.manifest['modalities'])}; "
            f"allowed: {', '.join(names)}; prepare it again"
        )
    return stored


def content(data: Data) -> str:
    """What the data are, whatever folder they lie in."""
    tokens = texts.content(data.tokenizer) if data.tokenizer else ""
    return f"{opened(data).digest} {tokens}"


@lru_cache(maxsize=64)
def ids_of(data: Data, *, seed: int) -> Split:
    """Which samples train, probe, select and report."""
    stored = opened(data)
    groups = stored.all("groups")
    return split(
        stored.all("labels"),
        data,
        seed=seed,
        official=stored.all("splits"),
        groups=groups if (groups != b"").any() else None,
    )


def parts(data: Data, *, seed: int, evaluated: str, fingerprint: str) -> Parts:
    """The parts of one run. The probe is read at once: it is looked at again and again."""
    stored, ids = opened(data), ids_of(data, seed=seed)
    fit = np.setdiff1d(ids.train, ids.probe)
    fit = fit[np.linspace(0, len(fit) - 1, min(LOOKED_AT, len(fit))).astype(int)]
    made = {name: _view(stored, name, data, seed, fit) for name in data.present}
    part = partial(_part, stored, made, stored.all("labels"))
    chosen = {"report": ids.report, "select": ids.select}[evaluated]
    probe = part(ids.probe)
    index = torch.arange(len(ids.probe))
    at_once = tuple(lazy.batch(index, device=CPU) for lazy in probe.lazies)
    bounds = [_bounds(stored, name, view, fit) for name, view in made.items()]
    return Parts(
        train=part(ids.train),
        probe=Part(at_once, probe.labels, probe.ids),
        select=part(ids.select),
        evaluated=part(chosen),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
        classes=len(stored.classes),
        modalities=data.present,
        every_modality=data.every_modality,
        fingerprint=fingerprint,
        source={"name": data.name, "digest": stored.digest},
        evaluated_on=evaluated,
    )


def _part(stored: Stored, made: Mapping[str, View], labels: Labels, ids: Ids) -> Part:
    inputs = tuple(Lazy(stored.rows(name), ids, view) for name, view in made.items())
    return Part(inputs, torch.from_numpy(labels[ids].astype(np.int64)), torch.from_numpy(ids))


def _view(stored: Stored, name: str, data: Data, seed: int, fit: Ids) -> View:
    """How the network sees one modality."""
    about = stored.manifest["modalities"][name]
    shape = tuple(about["shape"][1:])
    if about["kind"] == "image":
        mean, std = NORMAL.get(data.name, IMAGENET)
        if data.frames > shape[0]:
            raise ConfigError(
                f"data.frames: given {data.frames}; allowed: 1 to {shape[0]}, as many as are stored"
            )
        return ImageView(
            data_set=data.name,
            shapes=stored.all(f"shape.{name}"),
            frames=tuple(_evenly(shape[0], data.frames)),
            side=data.side,
            mean=mean,
            std=std,
            centre=data.view == "centre",
            augment=data.augment,
            seed=seed,
        )
    if about["kind"] == "text":
        assert data.tokenizer is not None  # a rule of the configuration
        return texts.TextView(data.tokenizer, data.tokens)
    if about["kind"] == "sound" and about["dtype"] == "int16":
        rate = int(about["rate"])
        return SoundView(transform(data.name, data.spectrogram), rate, shape[0])
    return _standardised(stored, name, fit, channel=about["kind"] == "sound")


def _evenly(stored: int, wanted: int) -> list[int]:
    """The middle of each of ``wanted`` equal stretches."""
    return [int((i + 0.5) * stored / wanted) for i in range(wanted)]


def _standardised(stored: Stored, name: str, fit: Ids, *, channel: bool) -> ArrayView:
    """Tables by feature; spectrograms, whose authors standardise each clip, as they are."""
    rows = stored.rows(name)
    shape = tuple(rows.shape[1:])
    if channel:
        return ArrayView(np.zeros(1, np.float32), np.ones(1, np.float32), True, shape)
    some: Any = np.empty((len(fit), *shape), rows.dtype)
    rows.take(fit, some)
    std = some.std(0, dtype=np.float64)
    mean, std = some.mean(0, dtype=np.float64), np.where(std > 0, std, 1.0)
    return ArrayView(mean.astype(np.float32), std.astype(np.float32), False, shape)


def _bounds(stored: Stored, name: str, view: View, fit: Ids) -> tuple[Tensor, Tensor]:
    """To what noise is clipped, least and most: the valid range of images, by channel; else that of
    some training samples, of tables by feature. Tokens have none.
    """
    if isinstance(view, ImageView):
        ends = view.normalised(torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 1, 1))
        return ends.amin(0), ends.amax(0)
    if isinstance(view, texts.TextView):
        return torch.zeros(()), torch.zeros(())
    lazy = Lazy(stored.rows(name), fit, view)
    seen = lazy.batch(torch.arange(len(fit)), device=CPU)
    axes = (0,) if seen.dim() == 2 else ()
    return seen.amin(axes), seen.amax(axes)
