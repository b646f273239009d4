"""Samplers by name, as batches need them. Within a batch no score is known of what was just asked.

Every choice is Optuna's own, but for how QMC begins; the words stand in reports.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from cal.config import ConfigError
from search_spaces.restoring import CmaEs

STARTUP = 10  # trials at random before a sampler learns; a constant, so more trials change none


@dataclass(frozen=True)
class Choice:
    """A sampler. ``several``: whether it can aim at several objectives."""

    words: str
    make: Callable[[int], BaseSampler]
    several: bool = True


def _tpe(seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=STARTUP
    )


def _random(seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _gp(seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(
        seed=seed,
        n_startup_trials=STARTUP,
        independent_sampler=_random(seed),
        warn_independent_sampling=False,
    )


def _cmaes(seed: int) -> BaseSampler:
    return CmaEs(
        seed=seed,
        n_startup_trials=STARTUP,
        independent_sampler=_random(seed),
        warn_independent_sampling=False,
    )


class Qmc(optuna.samplers.QMCSampler):
    """At random until a trial has ended. Optuna would take the space of those under way, which
    grows with every condition they meet, and begin its sequence anew each time: the same draws.
    """

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The fields of the first trial that ended."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        known = study.get_trials(deepcopy=False, states=ended)
        return super().infer_relative_search_space(study, trial) if known else {}


def _qmc(seed: int) -> BaseSampler:
    return Qmc(
        seed=seed,
        scramble=True,
        independent_sampler=_random(seed),
        warn_independent_sampling=False,
        warn_asynchronous_seeding=False,
    )


def _nsga2(seed: int) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=2 * STARTUP)


SAMPLERS: dict[str, Choice] = {
    "tpe": Choice(
        "TPE (Bergstra et al. 2011; multivariate, grouped by conditions; what is still under way "
        f"counts as bad), after {STARTUP} trials at random",
        _tpe,
    ),
    "gp": Choice(
        f"Gaussian process with expected improvement, after {STARTUP} trials at random; fields "
        "that act only under conditions at random",
        _gp,
    ),
    "cmaes": Choice(
        "CMA-ES (Hansen 2016) over the numbers, after "
        f"{STARTUP} trials at random; choices and conditional fields at random",
        _cmaes,
        several=False,
    ),
    "random": Choice("at random", _random),
    "qmc": Choice(
        "scrambled Sobol sequence, after a first batch at random; conditional fields at random",
        _qmc,
    ),
    "nsga2": Choice(f"NSGA-II (Deb et al. 2002), population {2 * STARTUP}", _nsga2),
}


def make_sampler(name: str, *, seed: int, objectives: int) -> BaseSampler:
    """Raises ``ConfigError`` for an unknown name, and one that cannot aim at several objectives."""
    if name not in SAMPLERS:
        raise ConfigError(f"--sampler: given {name!r}; allowed: {', '.join(SAMPLERS)}")
    choice = SAMPLERS[name]
    if objectives > 1 and not choice.several:
        fitting = ", ".join(n for n, c in SAMPLERS.items() if c.several)
        raise ConfigError(
            f"--sampler: given {name} with {objectives} objectives; allowed: {fitting}"
        )
    with warnings.catch_warnings():  # QMC and options of TPE are marked so, and documented
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return choice.make(seed)
