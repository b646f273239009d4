"""What a run is evaluated on: the section ``evaluate``, and what may not be asked for together."""

from typing import Annotated, Literal

from pydantic import Field

from cal.fields import Number, Positive, Section

Share = Annotated[float, Number, Field(gt=0.0, le=1.0)]
QMF_2023 = ("mvsa-single", "nyud2")  # data sets whose raw inputs that protocol is defined on
CLEAN_ROOM = ("gaussian_sigma", "salt_pepper_share", "missing_share", "audio_snr_db")
"""Fields that ask for more of the clean-room protocol."""
NO_MORE: dict[str, object] = {"severities": "standard", **{name: [] for name in CLEAN_ROOM}}
"""What a search measures its trials with: the protocol as it is."""


class Evaluate(Section):
    """On what, and under which conditions beside clean; ``standard``: the clean-room protocol.

    Extra severities are measured beside those of the protocol; ``robust`` is always made of the
    standard ones.
    """

    noise: Literal["none", "standard", "qmf-2023"] = "standard"  # docs/noise.md
    severities: Literal["standard", "axis"] = "standard"  # axis: more of them, for curves and areas
    gaussian_sigma: tuple[Positive, ...] = ()  # extra severities, standardised units
    salt_pepper_share: tuple[Share, ...] = ()  # extra severities: share of values (words of a text)
    missing_share: tuple[Share, ...] = ()  # extra severities: share of samples
    audio_snr_db: tuple[float, ...] = ()  # extra conditions: white noise on the waveform, dB
    part: Literal["report", "select"] = "report"  # select: a tuning run, the report part is sealed
    selection: Literal["last", "test-best"] = "last"  # test-best: compatibility (cal/selection.py)


def protocol_faults(evaluate: Evaluate, *, data_set: str) -> list[str]:
    """A line for each wish that the protocol does not grant: two protocols are never mixed."""
    if evaluate.noise != "qmf-2023":
        return []
    faults = [
        f"evaluate.{name}: given with evaluate.noise=qmf-2023, which has severities of its own and "
        "is never mixed with the clean-room protocol; allowed: none, or evaluate.noise=standard"
        for name in CLEAN_ROOM
        if getattr(evaluate, name)
    ]
    if data_set not in QMF_2023:
        faults.append(
            f"evaluate.noise: given 'qmf-2023' with data.name={data_set}; allowed: standard or "
            f"none (qmf-2023 is defined on raw pixels and words: {', '.join(QMF_2023)})"
        )
    return faults
