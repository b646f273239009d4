"""The sections of the configuration that belong to the baselines; what authors tune is a field."""

from typing import Annotated

from pydantic import Field

from cal.fields import Count, NonNegative, Number, Positive, Section, Unit


class OgmGe(Section):
    """OGM-GE (Peng et al. 2022): alpha of the modulation and the generalisation noise."""

    alpha: NonNegative = 0.8
    noise: bool = True


class Arl(Section):
    """ARL, asymmetric representation learning (Wei et al. 2025)."""

    temperature: Positive = 8.0  # T of the softmax over modalities
    unimodal: NonNegative = 4.0  # weight of the unimodal losses, their gamma
    start: Unit = 0.05  # part of the epochs before any scaling
    as_released: bool = False  # the released snapshot, whose weights stay uniform


class Pmr(Section):
    """PMR, prototypical modal rebalance (Fan et al. 2023)."""

    alpha: NonNegative = 1.0  # weight of the prototype losses
    momentum: Annotated[float, Number, Field(ge=0.0, lt=1.0)] = 0.5  # of the prototypes, an epoch
    entropy: NonNegative = 0.01  # mu, weight of the entropy of whoever leads; 0 is none
    early: Unit = 0.1  # part of the steps in which there is such a term


class MMPareto(Section):
    """MMPareto (Wei and Hu 2024)."""

    scale: Positive = 1.5  # of the combined gradient, their gamma


class Qmf(Section):
    """QMF, quality-aware multimodal fusion (Zhang et al. 2023); needs ``model.fusion=energy``."""

    rank: NonNegative = 0.1  # weight of the ranking loss
    margin: bool = False  # true: the margin with the sign of the released code


class Tmc(Section):
    """TMC, trusted multi-view classification (Han et al. 2021); needs ``model.fusion=evidence``."""

    annealing: Count = 50  # epochs until the KL term has its full weight
