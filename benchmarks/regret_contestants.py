"""Who searches: at random, Optuna as it comes, and our engine. All under the first seed of the
table unless they say otherwise; all see the same nearest points.
"""

from collections.abc import Callable

import optuna

from benchmarks.regret_course import Contestant, Course, at_random
from search_spaces.convert import suggested

Sampler = Callable[[int], optuna.samplers.BaseSampler]


def optuna_full(sampler: Sampler) -> Contestant:
    """Optuna's ask and tell, every trial trained to the end."""

    def search(course: Course, number: int) -> None:
        table = course.table
        study = optuna.create_study(direction="maximize", sampler=sampler(number))
        while not course.over:
            trial = study.ask()
            index = course.point(suggested(trial, table.dimensions, table.base))
            study.tell(trial, course.full(index, table.seeds[:1]))

    return search


def optuna_pruned(sampler: Sampler, pruner: Callable[[], optuna.pruners.BasePruner]) -> Contestant:
    """The same with one of Optuna's pruners, asked at every validation."""

    def search(course: Course, number: int) -> None:
        table = course.table
        study = optuna.create_study(direction="maximize", sampler=sampler(number), pruner=pruner())
        while not course.over:
            trial = study.ask()
            index = course.point(suggested(trial, table.dimensions, table.base))
            for epoch, value in course.epochs(index, table.seeds[0]):
                trial.report(value, epoch)
                if epoch < table.epochs and trial.should_prune():
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(trial, value)

    return search


def _tpe(number: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=number)


CONTESTANTS: dict[str, Contestant] = {
    "random": at_random(1),
    "random, 3 seeds": at_random(3),
    "Optuna TPE": optuna_full(_tpe),
    "Optuna TPE, median pruner": optuna_pruned(_tpe, optuna.pruners.MedianPruner),
}
optuna.logging.set_verbosity(optuna.logging.WARNING)
