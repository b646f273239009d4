"""No result changed: the first eight epochs of each method give yesterday's training losses.

If a result is *meant* to change, show that it is better (a paired comparison over seeds), then
write the new losses and commit them with the change::

    python -m tests.golden.update            # all, or: python -m tests.golden.update cal ogm_ge
    git diff tests/golden                    # only what you meant to change
"""

import json

import pytest

from cal.methods import METHODS
from tests.golden.update import FOLDER, RUNS, file, losses

CPUS = 1e-4  # relative: other CPUs choose other kernels, whose rounding grows over 24 steps


@pytest.mark.parametrize("name", RUNS)
def test_losses_are_yesterdays(name: str) -> None:
    expected = json.loads(file(name).read_text(encoding="utf-8"))
    assert losses(name) == pytest.approx(expected, rel=CPUS)


def test_every_method_has_a_golden_run_and_every_file_a_run() -> None:
    assert {str(tree["method"]) for tree in RUNS.values()} == set(METHODS)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(RUNS)
