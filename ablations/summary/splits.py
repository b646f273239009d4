"""How the seeds of a regime share their test samples, read from the predictions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ablations.summary.samples import Samples, same_samples

if TYPE_CHECKING:
    from ablations.plan import Plan

CLASSES = 10  # of both embedded data sets, where no predictions tell
FIXED = (
    "All seeds are tested on the same report samples and redraw only what is trained on, so the "
    "paired t interval over seeds holds for this report part; the two-way interval adds the error "
    "of having these samples and no others."
)
RESAMPLED = (
    "Seeds redraw training and test samples together, so their differences share samples and are "
    "not independent: the variance is corrected by n_test/n_train (Nadeau and Bengio 2003)."
)


@dataclass(frozen=True)
class Split:
    """``ratio``: n_test / n_train where seeds redraw the test part; None where they share it."""

    kind: str = "fixed"
    ratio: float | None = None
    samples: int | None = None  # of the test part; None without predictions
    classes: int = CLASSES

    @property
    def interval(self) -> str:
        """The interval that fits."""
        return "paired t" if self.ratio is None else "corrected resampled t"


def split_of(
    plan: "Plan",
    regime: str,
    cells: Mapping[tuple[str, str], Sequence[Any]],
    runs: Mapping[str, Samples],
) -> Split:
    """Of one regime, from what its runs were tested on."""
    by_arm = [
        {row.hash: runs[row.hash] for row in cells.get((regime, arm.name), ()) if row.hash in runs}
        for arm in plan.arms
    ]
    own = [run for arm in by_arm for run in arm.values()]
    if not own:
        return Split()
    samples, classes = len(own[0].ids), int(own[0].labels.max()) + 1
    if all(same_samples(arm.values()) for arm in by_arm):
        return Split(samples=samples, classes=classes)
    everyone = {int(i) for run in own for i in run.ids}
    trained = _trained(plan, regime, classes, seen=len(everyone), tested=samples)
    return Split("resampled", samples / trained, samples=samples, classes=classes)


def _trained(plan: "Plan", regime: str, classes: int, *, seen: int, tested: int) -> int:
    """Training samples of a run; without a number of labels, what it was not tested on of all that
    any seed was.
    """
    run = next(run for run in plan.runs if run.regime == regime)
    per_class = run.config.data.labels_per_class
    return classes * per_class if per_class is not None else seen - tested


def described(splits: Mapping[str, Split]) -> dict[str, str]:
    """For the summary: the interval of the study and why. The most cautious regime decides."""
    resampled = [split for split in splits.values() if split.ratio is not None]
    split = resampled[0] if resampled else next(iter(splits.values()))
    why = RESAMPLED if resampled else FIXED
    return {"kind": split.kind, "interval": split.interval, "why": why}
