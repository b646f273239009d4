"""Every test has its own home, no store or cluster from outside, and one thread of torch.

One thread: sums over several threads are added in another order, and our runs promise bits.
"""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CAL_HOME for the whole session."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("home")
    patch.setenv("CAL_HOME", str(home))
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        patch.delenv(name, raising=False)
    return home
