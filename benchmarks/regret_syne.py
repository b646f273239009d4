"""Syne Tune's searchers on the same table, by ask and tell. In an environment of their own:

    python -m venv syne && syne/bin/pip install syne-tune pydantic pyyaml

Conditions it does not know: it is asked for every dimension, and what does not act is ignored.
MOBSTER left Syne Tune with version 0.14; ASHA with the model of CQR or BORE took its place.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from syne_tune import config_space as spaces
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision, TrialScheduler

from benchmarks.regret_course import Contestant, Course, resolved
from search_spaces.dimension import Dimension

Make = Callable[..., TrialScheduler]
VALUE, EPOCH = "value", "epoch"


def domain(d: Dimension) -> Any:
    """A dimension as Syne Tune has it."""
    if d.kind == "categorical":
        return spaces.choice(list(d.choices))
    low, high = d.range
    if d.kind == "int":
        whole = spaces.lograndint if d.log else spaces.randint
        return whole(int(low), int(high))
    return spaces.loguniform(low, high) if d.log else spaces.uniform(low, high)


def asked(course: Course, scheduler: TrialScheduler) -> tuple[Trial, int]:
    """The next trial, and the point that it is."""
    suggestion = scheduler.suggest()
    trial = Trial(course.trials, suggestion.config, datetime.now())
    scheduler.on_trial_add(trial)
    table = course.table
    values = resolved(table.dimensions, table.base, suggestion.config)
    return trial, course.point(values)


def full(make: Make) -> Contestant:
    """Every trial trained to the end."""

    def search(course: Course, number: int) -> None:
        table = course.table
        space = {d.name: domain(d) for d in table.dimensions}
        scheduler = make(space, metric=VALUE, do_minimize=False, random_seed=number)
        while not course.over:
            trial, index = asked(course, scheduler)
            result = {VALUE: course.full(index, table.seeds[:1])}
            scheduler.on_trial_complete(trial, result)

    return search


def halving(make: Make) -> Contestant:
    """Successive halving with its default factor 3, from the first validation on."""

    def search(course: Course, number: int) -> None:
        table = course.table
        space = {d.name: domain(d) for d in table.dimensions}
        scheduler = make(
            space,
            metric=VALUE,
            do_minimize=False,
            random_seed=number,
            time_attr=EPOCH,
            max_t=table.epochs,
            grace_period=table.validated[0],
        )
        while not course.over:
            trial, index = asked(course, scheduler)
            for epoch, value in course.epochs(index, table.seeds[0]):
                decision = scheduler.on_trial_result(trial, {VALUE: value, EPOCH: epoch})
                if decision != SchedulerDecision.CONTINUE:
                    break
            scheduler.on_trial_remove(trial)

    return search


CONTESTANTS: dict[str, Contestant] = {
    "Syne Tune CQR": full(baselines.CQR),
    "Syne Tune BORE": full(baselines.BORE),
    "Syne Tune ASHA": halving(baselines.ASHA),
    "Syne Tune ASHA-CQR": halving(baselines.ASHACQR),
    "Syne Tune ASHA-BORE": halving(baselines.ASHABORE),
}
