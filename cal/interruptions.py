"""How often a run was interrupted, and what that cost: tags of its row. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

RESUMED, PREEMPTED, LOST = "cal.resumed", "cal.preempted", "cal.lost_s"


@dataclass(frozen=True)
class Interruptions:
    """Of one run. To be preempted, its node lost, is no failure."""

    resumed: int = 0  # how often it went on, in whatever worker
    preempted: int = 0  # of these because its node was gone
    lost_s: float = 0.0  # seconds of training done again, its share of its pack: at least

    def and_one(self, seconds: float, *, preempted: bool) -> "Interruptions":
        """With one more."""
        lost = self.lost_s + seconds
        return Interruptions(self.resumed + 1, self.preempted + preempted, lost)

    def tags(self) -> dict[str, str]:
        """As a row of the ledger keeps them."""
        counts = {RESUMED: str(self.resumed), PREEMPTED: str(self.preempted)}
        return counts | {LOST: f"{self.lost_s:.3f}"}


def interruptions(tags: Mapping[str, str]) -> Interruptions:
    """What a row's tags say; none where it was never interrupted."""
    resumed, preempted = (int(tags.get(name, 0)) for name in (RESUMED, PREEMPTED))
    return Interruptions(resumed, preempted, float(tags.get(LOST, 0.0)))
