"""One arm of a search: its trials through their states, told by what happens to their runs.

    ask -> first seed -> rung -> rung -> finished -> next seed while it contends -> told
                          `-> stopped early: told          `-> dropped: told with the seeds it has

It decides by ``stopping`` and ``racing`` and keeps everything in the ``Study``; it starts nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cal.config import Config
from cal.records import Epoch
from search_spaces import racing, stopping, trials
from search_spaces.fields import laid
from search_spaces.fronts import front
from search_spaces.objectives import Objective, guesses, intermediate, scalar, scores_of
from search_spaces.stopping import Scheduler
from search_spaces.storage import Stored, Study
from search_spaces.trials import SeedRun, Trial


@dataclass(frozen=True)
class Rules:
    """What all arms of a search share. ``seeds``: of a trial, in their order."""

    objectives: tuple[Objective, ...]
    scheduler: Scheduler
    seeds: tuple[int, ...]
    classes: int


class Arm:
    """``base``: the arm's own values; ``most``: trials it may ask."""

    def __init__(
        self, name: str, base: Config, study: Study, rules: Rules, *, most: int, title: str = ""
    ) -> None:
        self.name, self.base, self.study, self.rules = name, base, study, rules
        self.most, self.title = most, title
        self.trials: dict[int, Trial] = {}
        self._ended: list[Trial] = []

    @property
    def left(self) -> int:
        """Trials that may still be asked."""
        return max(0, self.most - len(self.trials))

    @property
    def running(self) -> list[Trial]:
        """Trials that were not told yet."""
        return [trial for trial in self.trials.values() if trial.status == "running"]

    def restore(self) -> list[Trial]:
        """Put back what the storage has; those that were under way begin again where they were."""
        for stored in self.study.stored():
            trial = self._trial(stored)
            if stored.kept:
                trials.restore(trial, stored.kept)
        return self.running

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
        self.trials[stored.number] = trial
        return trial

    def begin(self, trial: Trial) -> SeedRun:
        """Its first run, to its next rung."""
        return trial.add_run(self.rules.seeds[0], until=self._next_rung(trial, trial.goes_on))

    def _next_rung(self, trial: Trial, epoch: int) -> int | None:
        later = [rung for rung in self.rules.scheduler.rungs(trial.number) if rung > epoch]
        return later[0] if later else None

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """An epoch was trained, or told again after a resume."""
        value = intermediate(self.rules.objectives, record.metrics)
        if value is not None and (not run.curve or run.curve[-1][0] < record.epoch):
            run.curve.append((record.epoch, value))
        run.epoch = max(run.epoch, record.epoch)
        if record.epoch == run.until:
            run.status = "paused"

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
        inside = {run.hash: run.values(rung) for run in batch}
        before = [
            other.values(rung)
            for trial in self.trials.values()
            for other in trial.runs[:1]
            if self.rules.scheduler.bracket(trial.number) == bracket
            and other.hash not in inside
            and any(epoch == rung for epoch, _ in other.curve)
        ]
        alive = stopping.survivors(self.rules.scheduler.name, inside, before)
        rank = sorted((v[-1] for v in (*before, *inside.values()) if v), reverse=True)
        stopped = []
        for run in batch:
            number, value = run.trial.number, inside[run.hash][-1]
            self.study.report(number, rung, value)
            if run.hash in alive:
                self.study.goes_on(number, rung)
                run.until, run.status = self._next_rung(run.trial, rung), "ready"
            else:
                run.status = "stopped"
                place = f"{rank.index(value) + 1} of {len(rank)}"
                self._end(run.trial, "stopped", f"stopped at epoch {rung}: {place} there")
                stopped.append(run)
        return stopped

    def finished(self, run: SeedRun, metrics: Mapping[str, float]) -> None:
        """A run is complete: its trial gets another seed, or is told."""
        scores = scores_of(self.rules.objectives, metrics)
        if scores is None:
            self.failed(run, "an objective is no number")
            return
        run.scores, run.status, run.epoch = scores, "finished", run.config.train.epochs
        run.train_s = metrics.get("time/train_s", 0.0)
        run.evaluate_s = metrics.get("time/evaluate_s", 0.0)
        trial, seeds = run.trial, self.rules.seeds
        if len(trial.runs) < len(seeds) and self._contends(trial):
            trial.add_run(seeds[len(trial.runs)], until=None)
        else:
            behind = len(trial.runs) < len(seeds)
            self._end(trial, "complete", "clearly behind the leader" if behind else "")

    def _contends(self, trial: Trial) -> bool:
        if racing.contends(trial.number, self.lines()):
            return True
        means = {t.number: self.means(t) for t in self.trials.values() if t.line}
        return len(self.rules.objectives) > 1 and trial.number in front(
            means, self.rules.objectives
        )

    def failed(self, run: SeedRun, error: str) -> None:
        """A run failed or diverged, and so did its trial: it counts as a guess."""
        run.status, run.error = "failed", error.strip().splitlines()[-1]
        self._end(run.trial, "failed", run.error)

    def mirror(self, trial: Trial) -> None:
        """End a twin with the result of the trial that it is."""
        twin = trial.twin
        assert twin is not None
        if self.rules.objectives and twin.status == "stopped" and twin.runs:
            for epoch, value in twin.runs[0].curve:
                self.study.report(trial.number, epoch, value)
        words = f"the same computation as {twin.name}"
        self._end(trial, twin.status, words)

    def _end(self, trial: Trial, status: trials.Status, reason: str) -> None:
        trial.status, trial.reason = status, reason
        self._ended.append(trial)

    def settle(self) -> list[Trial]:
        """Tell the storage what ended since; those trials."""
        ended, self._ended = self._ended, []
        for trial in ended:
            told: Mapping[str, float] | None = None
            if trial.status == "complete":
                told = self.means(trial)
            elif trial.status == "failed":
                told = self.guess()
            self.study.tell(trial.number, trials.to_json(trial), told)
        return ended

    def guess(self) -> dict[str, float]:
        """What a failed trial counts as."""
        default = next((t for t in self.trials.values() if t.origin == "default" and t.line), None)
        known = self.means(default) if default else None
        return guesses(self.rules.objectives, classes=self.rules.classes, default=known)

    def lines(self) -> dict[int, list[float]]:
        """Scalars of every trial that finished a seed, in the order of the seeds."""
        return {
            trial.number: [scalar(self.rules.objectives, run.scores) for run in trial.line]
            for trial in self.trials.values()
            if trial.line and trial.status != "failed"
        }

    def scored(self, trial: Trial) -> dict[str, racing.Score]:
        """Every objective over the seeds it has, corrected for those it lacks; empty without any.

        A twin has the scores of the trial that it is.
        """
        trial = trial.twin or trial
        found = {}
        for objective in self.rules.objectives if trial.line else ():
            name = objective.name
            lines = {
                t.number: [run.scores[name] for run in t.line]
                for t in self.trials.values()
                if t.line and t.status != "failed"
            }
            mine = [run.scores[name] for run in trial.line]
            found[name] = racing.score(mine, racing.effects(lines))
        return found

    def means(self, trial: Trial) -> dict[str, float]:
        """The means of ``scored``."""
        return {name: score.mean for name, score in self.scored(trial).items()}
