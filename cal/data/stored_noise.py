"""Noise on what prepared data store: waveforms, words, and the raw pixels of ``qmf-2023``."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from cal.config import ConfigError
from cal.data import qmf2023, strategies
from cal.data.corruptions import Condition
from cal.data.images import ImageView
from cal.data.lazy import Change, Lazy
from cal.data.reading import Array
from cal.data.spectrograms import SoundView
from cal.data.splits import Ids
from cal.data.texts import TextView, stored_as, strings
from cal.severities import QMF_2023


def noisy(
    lazies: Sequence[Lazy],
    modalities: Sequence[str],
    index: Tensor,
    m: int,
    condition: Condition,
) -> Tensor | None:
    """Samples ``index`` [B] of modality m under a condition, as the network sees them; None where
    it acts on standardised inputs. Raises ``ConfigError`` for what was stored without its waveform.
    """
    change = _change(lazies[m], modalities[m], condition)
    if change is None:
        return None
    return lazies[m].batch(index, device=torch.device("cpu"), change=change)


def _change(lazy: Lazy, name: str, condition: Condition) -> Change | None:
    """What the condition does to stored values of one modality."""
    qmf = condition.kind in QMF_2023
    if isinstance(lazy.view, TextView):
        return partial(_words, condition=condition, name=name)
    if qmf and isinstance(lazy.view, ImageView):
        data_set = lazy.view.data_set
        return partial(
            qmf2023.corrupted_pixels, condition=condition, modality=name, data_set=data_set
        )
    if condition.kind == "audio_snr":
        if not isinstance(lazy.view, SoundView):
            raise ConfigError(
                f"evaluate.audio_snr_db: given for {name}, which is stored as a spectrogram; "
                "allowed: for waveforms"
            )
        return partial(strategies.corrupted_waves, condition=condition, modality=name)
    return None


def _words(stored: Array, ids: Ids, *, condition: Condition, name: str) -> Array:
    """Masked words are never longer than those they stand for."""
    made = qmf2023 if condition.kind in QMF_2023 else strategies
    found = made.corrupted_texts(strings(stored), ids, condition, modality=name)
    return stored_as(found, stored.shape[1])
