"""CMA-ES out of a storage that others may write: Optuna keeps its state in the trials as a pickle,
and to read any pickle is to run whatever it says. This one reads arrays, numbers and the optimiser.
"""

import pickle
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from cal.config import ConfigError

ALLOWED = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
}
"""Module and name of all that a state of CMA-ES is made of."""


class _StateOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


class CmaEs(optuna.samplers.CmaEsSampler):
    """Optuna's, but for how it takes up its state."""

    def _restore_optimizer(self, completed_trials: Sequence[FrozenTrial]) -> Any:
        """The newest state in the trials; None if there is none. Raises ``ConfigError``."""
        for trial in reversed(completed_trials):
            parts = {k: v for k, v in trial.system_attrs.items() if k.startswith("cma:optimizer:")}
            if parts:
                return _restored(trial.number, [parts[k] for k in sorted(parts, key=_place)])
        return None


def _place(key: str) -> int:
    """Which part of a long state: Optuna numbers them."""
    number = key.rpartition(":")[2]
    return int(number) if number.isdecimal() else -1


def _restored(number: int, parts: Sequence[object]) -> Any:
    try:
        return _StateOnly(BytesIO(bytes.fromhex("".join(map(str, parts))))).load()
    except Exception as error:  # a broken pickle raises anything
        why = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"--storage: trial {number} has no state of CMA-ES that can be read ({why}); allowed: "
            "what this program wrote; take another storage, or --sampler tpe"
        ) from None
