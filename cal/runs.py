"""One computation of a study, and who shares it: plain data. No torch, ray or mlflow."""

from dataclasses import dataclass

from cal.config import Config


@dataclass(frozen=True)
class Run:
    """One computation and all arms that share it."""

    hash: str
    regime: str
    seed: int
    config: Config
    arms: tuple[str, ...]
