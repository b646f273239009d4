"""One search as ask and tell, in batches, without a storage: the same answers give the same
questions, so whoever keeps the answers (the ledger) can repeat it at no cost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import Trial, create_trial

from cal.config import Config
from search_spaces.convert import suggested, told
from search_spaces.space import Dimension

WORDS = (
    "TPE (Optuna {version}, multivariate; within a batch the constant liar takes what is still "
    "under way for the worst), after {startup} trials at random"
)


class Search:
    """Proposes values of ``dimensions`` in ``config``, towards the highest score."""

    def __init__(
        self, dimensions: Sequence[Dimension], config: Config, *, seed: int, startup: int
    ) -> None:
        """``startup``: trials at random before the sampler learns from scores."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.dimensions, self.config = tuple(dimensions), config
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=startup
        )
        self.study = optuna.create_study(direction="maximize", sampler=sampler)
        self.words = WORDS.format(version=optuna.__version__, startup=startup)
        self._asked: list[Trial] = []

    def know(self, values: Mapping[str, Any], score: float) -> None:
        """A result that nobody asked for (the default). Left out where a value lies out of range:
        the sampler could not place it.
        """
        if not all(d.contains(values[d.field]) for d in self.dimensions if d.field in values):
            return
        params, distributions = told(self.dimensions, values)
        trial = create_trial(params=params, distributions=distributions, value=score)
        self.study.add_trial(trial)

    def ask(self, count: int) -> list[dict[str, Any]]:
        """Field -> value of the next ``count`` trials, before any of their scores is known."""
        trials = [self.study.ask() for _ in range(count)]
        self._asked += trials
        return [suggested(trial, self.dimensions, self.config) for trial in trials]

    def tell(self, scores: Sequence[float]) -> None:
        """The scores of all that was asked, in that order."""
        for trial, score in zip(self._asked, scores, strict=True):
            self.study.tell(trial, score)
        self._asked.clear()
