"""One arm of a search: its trials through their states, told by what happens to their runs.

    ask -> first seed -> rung -> rung -> finished -> next seed while among the better half -> told
                          `-> stopped early: told          `-> dropped: told with the seeds it has

It decides by ``stopping`` and ``racing`` and keeps everything in the ``Study``; it starts nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cal.config import Config
from cal.records import Epoch
from search_spaces import racing, stopping, trials
from search_spaces.fields import laid
from search_spaces.fronts import beaten, front
from search_spaces.objectives import Objective, Scores, guesses, intermediate, scalar, scores_of
from search_spaces.stopping import Rung, Scheduler
from search_spaces.storage import Stored, Study
from search_spaces.trials import SeedRun, Trial

DEFAULT = "default"  # origin of the configuration itself, which is never stopped early


@dataclass(frozen=True)
class Rules:
    """What all arms of a search share. ``seeds``: of a trial, in their order."""

    objectives: tuple[Objective, ...]
    scheduler: Scheduler
    seeds: tuple[int, ...]
    classes: int


class Arm:
    """``base``: the arm's own values; ``most``: trials it may ask."""

    def __init__(self, name: str, base: Config, study: Study, rules: Rules, *, most: int) -> None:
        self.name, self.base, self.study, self.rules, self.most = name, base, study, rules, most
        self._clear()

    def _clear(self) -> None:
        """Without any trial."""
        self.trials: dict[int, Trial] = {}
        self._running: dict[int, Trial] = {}
        self._ended: list[Trial] = []  # and not told yet
        self._scores: dict[int, list[Scores]] = {}  # of trials with a finished seed, by seed
        self._race = racing.Race()  # of their scalars
        self._effects = {o.name: racing.Effects() for o in self.rules.objectives}  # of the seeds
        self._rungs: dict[tuple[int, int], Rung] = {}  # by bracket and epoch, of first runs

    @property
    def left(self) -> int:
        """Trials that may still be asked."""
        return max(0, self.most - len(self.trials))

    @property
    def running(self) -> list[Trial]:
        """Trials that have not ended yet."""
        return list(self._running.values())

    @property
    def told(self) -> int:
        """How many trials there is nothing left to do for."""
        return len(self.trials) - len(self._running) - len(self._ended)

    def restore(self) -> list[Trial]:
        """Put back what the storage has; those that were under way begin again where they were, and
        those that had ended without being told are told by ``settle``.
        """
        self._clear()
        found = [(self._trial(stored), stored) for stored in self.study.stored()]
        for trial, stored in found:
            if stored.kept:
                self._restore(trial, stored)
        return self.running

    def _restore(self, trial: Trial, stored: Stored) -> None:
        trials.restore(trial, stored.kept)
        twin = trials.twin_of(stored.kept)
        trial.twin = None if twin is None else self.trials[twin]
        self._count(trial)
        for run in trial.runs[:1]:
            for epoch, _ in run.curve:
                self._arrived(run, epoch)
        if trial.status != "running":
            del self._running[trial.number]
            self._ended += [] if stored.told else [trial]

    def ask(self) -> Trial:
        """The next trial; ``begin`` it, or make it a twin of one that is the same computation."""
        return self._trial(self.study.ask())

    def adopt(self, asked: Any) -> Trial:
        """The same of a trial that Ray Tune asked the storage for."""
        return self._trial(self.study.adopt(asked))

    def _trial(self, stored: Stored) -> Trial:
        config = laid(self.base, stored.values)
        trial = Trial(self.name, stored.number, stored.values, config, stored.origin)
        trial.goes_on = stored.goes_on
        self.trials[stored.number] = self._running[stored.number] = trial
        return trial

    def begin(self, trial: Trial, *, to_end: bool = False) -> SeedRun:
        """Its first run, to its next rung. A trial that was restored in its race has runs.
        ``to_end``: without a pause; ``decided`` says when it is stopped.
        """
        if trial.runs:
            return trial.runs[0]
        until = None if to_end else self._next_rung(trial, trial.goes_on)
        return trial.add_run(self.rules.seeds[0], until=until)

    def _next_rung(self, trial: Trial, epoch: int) -> int | None:
        later = [rung for rung in self.rules.scheduler.rungs(trial.number) if rung > epoch]
        return later[0] if later else None

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """An epoch was trained, or told again after a resume."""
        value = intermediate(self.rules.objectives, record.metrics)
        if value is not None and (not run.curve or run.curve[-1][0] < record.epoch):
            run.curve.append((record.epoch, value))
            self._arrived(run, record.epoch)
        run.epoch = max(run.epoch, record.epoch)
        if record.epoch == run.until:
            run.status = "paused"

    def _arrived(self, run: SeedRun, epoch: int) -> None:
        """Note a first run at its rung, for those that come there later."""
        number, scheduler = run.trial.number, self.rules.scheduler
        if run is run.trial.runs[0] and epoch in scheduler.rungs(number):
            there = self._rungs.setdefault((scheduler.bracket(number), epoch), Rung())
            there.put(run.hash, run.values(epoch))

    def judge(self, runs: Iterable[SeedRun]) -> list[SeedRun]:
        """Runs of one pack that pause at their rungs: those that were stopped; the others are
        ready to go on.
        """
        groups: dict[tuple[int, int], list[SeedRun]] = {}
        for run in runs:
            if run.status == "paused" and run.until is not None:
                bracket = self.rules.scheduler.bracket(run.trial.number)
                groups.setdefault((run.until, bracket), []).append(run)
        stopped = []
        for (rung, bracket), batch in groups.items():
            stopped += self._judged(batch, rung, bracket)
        return stopped

    def _judged(self, batch: Sequence[SeedRun], rung: int, bracket: int) -> list[SeedRun]:
        values = {run.hash: run.values(rung)[-1] for run in batch}
        there = self._rungs.setdefault((bracket, rung), Rung())
        for run in batch:
            there.put(run.hash, run.values(rung))  # without a value at the rung it is not there yet
        alive = stopping.survivors(self.rules.scheduler.name, values, there)
        kept = [run for run in batch if run.trial.origin == DEFAULT]  # what all is held to
        alive |= {run.hash for run in kept if math.isfinite(values[run.hash])}
        stopped = []
        for run in batch:
            number, value = run.trial.number, values[run.hash]
            if math.isfinite(value):
                self.study.report(number, rung, value)
            if run.hash in alive:
                self.study.goes_on(number, rung)
                run.until, run.status = self._next_rung(run.trial, rung), "ready"
            else:
                run.status = "stopped"
                place = there.place(value) if math.isfinite(value) else "no number there"
                self._end(run.trial, "stopped", f"stopped at epoch {rung}: {place}")
                stopped.append(run)
        return stopped

    def decided(self, run: SeedRun, *, stops: bool) -> None:
        """What another scheduler (Ray Tune's) says of a first run that stands at a new point."""
        number, (epoch, value) = run.trial.number, run.curve[-1]
        self.study.report(number, epoch, value)
        if not stops:
            self.study.goes_on(number, epoch)
            run.trial.goes_on = epoch
            return
        firsts = [other.runs[0].curve for other in self.trials.values() if other.runs]
        there = [v for curve in firsts for e, v in curve if e == epoch]
        place = f"{sum(v > value for v in there) + 1} of {len(there)}"
        run.status = "stopped"
        self._end(run.trial, "stopped", f"stopped at epoch {epoch}: {place} there")

    def finished(self, run: SeedRun, metrics: Mapping[str, float]) -> None:
        """A run is complete: its trial gets another seed, or is told."""
        scores = scores_of(self.rules.objectives, metrics)
        if scores is None:
            self.failed(run, "an objective is no number")
            return
        run.scores, run.status, run.epoch = scores, "finished", run.config.train.epochs
        run.train_s = metrics.get("time/train_s", 0.0)
        run.evaluate_s = metrics.get("time/evaluate_s", 0.0)
        trial = run.trial
        self._count(trial)
        self._raced(trial)
        for other in self.running:
            if other.waits and other is not trial and len(other.line) == len(trial.line):
                self._raced(other)

    def _raced(self, trial: Trial, *, waits: bool = True) -> None:
        """Another seed for a trial whose last one is finished, or its end. The first with as many
        ``waits`` for a second, to be told apart from.
        """
        seeds, have = self.rules.seeds, len(trial.runs)
        place, there = self._race.place(trial.number)
        if have == len(seeds):
            self._end(trial, "complete", "")
        elif not self._contends(trial):
            self._end(trial, "complete", "clearly behind the leader")
        elif there == 1 and waits:
            self.study.keep(trial.number, trials.to_json(trial))
        elif place <= math.ceil(there / stopping.ETA) or self._unbeaten(trial):
            trial.add_run(seeds[have], until=None)
            self.study.keep(trial.number, trials.to_json(trial))
        else:
            self._end(trial, "complete", f"place {place} of {there} under its seeds")

    def release(self) -> bool:
        """Let trials that wait for a second one go on if none will come; whether there was any."""
        if self.left or not all(t.waits or t.twin is not None for t in self.running):
            return False
        waiting = [trial for trial in self.running if trial.waits]
        for trial in waiting:
            self.go_on(trial)
        return bool(waiting)

    def go_on(self, trial: Trial) -> None:
        """One that waits, now."""
        self._raced(trial, waits=False)

    def _contends(self, trial: Trial) -> bool:
        """Whether it may be the best, or none beats it in all objectives."""
        return self._race.contends(trial.number) or self._unbeaten(trial)

    def _unbeaten(self, trial: Trial) -> bool:
        """Of several objectives: whether no other that has its seeds beats it in all under them."""
        objectives, seeds = self.rules.objectives, len(self._scores[trial.number])
        if len(objectives) == 1:
            return False
        means = {n: _mean(line[:seeds]) for n, line in self._scores.items() if len(line) >= seeds}
        return not beaten(means[trial.number], means.values(), objectives)

    def failed(self, run: SeedRun, error: str) -> None:
        """A run failed or diverged, and so did its trial, whatever its other seeds scored: it
        counts as a guess.
        """
        run.status, run.error = "failed", (error.strip() or "no message").splitlines()[-1]
        self._end(run.trial, "failed", run.error)
        self._count(run.trial)

    def mirror(self, trial: Trial) -> None:
        """End a twin with the result of the trial of this arm that it is."""
        twin = trial.twin
        assert twin is not None
        if twin.status == "stopped":
            for epoch, value in twin.runs[0].curve:
                self.study.report(trial.number, epoch, value)
        words = f"the same computation as {twin.name}"
        self._end(trial, twin.status, words)

    def _end(self, trial: Trial, status: trials.Status, reason: str) -> None:
        trial.status, trial.reason = status, reason
        del self._running[trial.number]
        self._ended.append(trial)

    def settle(self, book: Callable[[Trial, Mapping[str, racing.Score]], None]) -> bool:
        """Tell what ended since, first the ``book`` with its scores, then the storage; whether
        anything had. A driver that dies in between is repeated: the storage keeps the end before.
        """
        ended, self._ended = self._ended, []
        for trial in ended:
            self.study.keep(trial.number, trials.to_json(trial))
            book(trial, self.scored(trial))
            told: Mapping[str, float] | None = None
            if trial.status == "complete":
                told = self.means(trial)
            elif trial.status == "failed":
                told = self.guess()
            self.study.tell(trial.number, told)
        return bool(ended)

    def guess(self) -> dict[str, float]:
        """What a failed trial counts as."""
        default = next((t for t in self.trials.values() if t.origin == DEFAULT), None)
        known = (self.means(default) if default else {}) or self._worst()
        return guesses(self.rules.objectives, classes=self.rules.classes, default=known)

    def _worst(self) -> dict[str, float]:
        """Of every objective so far; empty before any seed is finished."""
        means = [_mean(line) for line in self._scores.values()]
        found = {o: [o.sign * mean[o.name] for mean in means] for o in self.rules.objectives}
        return {o.name: o.sign * min(values) for o, values in found.items() if values}

    def _count(self, trial: Trial) -> None:
        """Put its finished seeds among those of the arm; those of a failed trial count nowhere."""
        line: list[Scores] = [run.scores for run in trial.line]
        if line and trial.status != "failed":
            self._scores[trial.number] = line
            self._race.put(trial.number, [scalar(self.rules.objectives, one) for one in line])
            for name, effects in self._effects.items():
                effects.put(trial.number, [one[name] for one in line])
        elif self._scores.pop(trial.number, None) is not None:
            self._race.remove(trial.number)
            for effects in self._effects.values():
                effects.remove(trial.number)

    def lines(self) -> Mapping[int, racing.Line]:
        """Scalars of every trial that finished a seed, in the order of the seeds."""
        return self._race.lines

    def compared(self) -> list[Trial]:
        """Complete trials under as many seeds as any has, so all under the same: among them are
        the best. A twin is none of them.
        """
        done = [self.trials[n] for n in self._scores if self.trials[n].status == "complete"]
        most = max((len(trial.line) for trial in done), default=0)
        return sorted((t for t in done if len(t.line) == most), key=lambda trial: trial.number)

    def front(self) -> list[int]:
        """The trials of ``compared`` that no other beats in all objectives."""
        means = {trial.number: self.means(trial) for trial in self.compared()}
        return front(means, self.rules.objectives)

    def scored(self, trial: Trial) -> dict[str, racing.Score]:
        """Every objective over the seeds it has, corrected for those it lacks; empty without any,
        and of a failed trial. A twin has the scores of the trial that it is.
        """
        line = self._scores.get((trial.twin or trial).number, [])
        names = [o.name for o in self.rules.objectives] if line else []
        return {
            name: racing.score([scores[name] for scores in line], self._effects[name].values())
            for name in names
        }

    def means(self, trial: Trial) -> dict[str, float]:
        """The means of ``scored``."""
        return {name: score.mean for name, score in self.scored(trial).items()}


def _mean(line: Sequence[Scores]) -> dict[str, float]:
    """Of every objective over some seeds."""
    return {name: math.fsum(one[name] for one in line) / len(line) for name in line[0]}
