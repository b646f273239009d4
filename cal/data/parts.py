"""The data of one run, as plain tensors where they fit.

Legend: M modalities, N samples. Inputs of handwritten modality m are [N, D_m]; keypad audio is
[N, 1, 32 mels, frames], image [N, 1, 8, 8]. Those of prepared data are read when asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from cal.data.lazy import Lazy


class SealedError(RuntimeError):
    """A tuning run asked for the report part."""


@dataclass(frozen=True)
class Part:
    """Samples of one part: standardised inputs M x [N, ...], labels [N], sample ids [N].

    Either all inputs are tensors, or all are lazy.
    """

    inputs: tuple[Tensor | Lazy, ...]
    labels: Tensor
    ids: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs. Raises ``ValueError`` where they are lazy."""
        found = tuple(x for x in self.inputs if isinstance(x, Tensor))
        if len(found) != len(self.inputs):
            raise ValueError("inputs: these are read when asked for, and not in memory")
        return found

    @property
    def lazies(self) -> tuple[Lazy, ...]:
        """The inputs where they are lazy, else none."""
        return tuple(x for x in self.inputs if isinstance(x, Lazy))


@dataclass(frozen=True, eq=False)
class Parts:
    """Disjoint parts, and the range of the training inputs to which noise is clipped.

    Disjoint except that ``data.probe_in_training`` puts the probe's samples into train as well.
    Of a tuning run (``evaluate.part=select``) the evaluated part is select, and there is no report.
    Shared by all runs of a process: treat the tensors as read-only.
    """

    train: Part
    probe: Part  # I(m) and D(m) are measured here
    select: Part  # validation and selection
    evaluated: Part  # the report part, the same samples for every seed; of a tuning run: select
    low: tuple[Tensor, ...]  # training minimum: handwritten [D_m], keypad one number a modality
    high: tuple[Tensor, ...]  # training maximum
    classes: int
    modalities: tuple[str, ...]
    fingerprint: str  # SHA-256 of content, options and sample ids of every part
    audio_at_snr: Callable[[float], Tensor] | None = None  # evaluated audio with more noise, dB
    source: Mapping[str, str] = field(default_factory=dict)  # name, licence, DOI
    evaluated_on: str = "report"  # or select
    raw: Callable[[int, Any], Tensor | None] | None = None
    """Of prepared data: evaluated inputs [N, ...] of modality m under a condition that acts on what
    is stored; None where it acts on standardised inputs.
    """
    every_modality: tuple[str, ...] = ()  # of the data set, seen or not; empty: as ``modalities``

    @property
    def report(self) -> Part:
        """The test samples. Raises ``SealedError`` in a tuning run, which has none."""
        if self.evaluated_on != "report":
            raise SealedError(
                "the report part is sealed: this is a tuning run (evaluate.part=select), which is "
                "evaluated on the select part; allowed: evaluate.part=report for a final run"
            )
        return self.evaluated
