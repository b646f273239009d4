"""A study as its author writes it: regimes, factors, arms and contrasts in YAML. Pure."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from cal.config import ConfigError, Count, Section, parse_as, read_yaml

Tree = dict[str, Any]
Seeds = Count | Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
NAME = r"^[A-Za-z0-9_.:+ -]+$"
Name = Annotated[str, Field(pattern=NAME)]
FOLDER = Path(__file__).parent


class Regime(Section):
    """One data situation: what it changes in the base configuration, and its seeds."""

    title: str = ""
    seeds: Seeds = 10  # a count (0, 1, ...) or a list
    config: Tree = Field(default_factory=dict)


class ArmSpec(Section):
    """One arm beside the factorial cells."""

    title: str = ""
    config: Tree = Field(default_factory=dict)


class Factor(Section):
    """A switch: its neutral element, laid over the base configuration."""

    neutral: Tree


class ContrastSpec(Section):
    """A paired comparison; primary contrasts are declared before the data are seen."""

    arm: str
    reference: str
    primary: bool = False


class Study(Section):
    """A whole study."""

    name: Name
    title: str = ""
    base: Tree = Field(default_factory=dict)
    regimes: Annotated[dict[Name, Regime], Field(min_length=1)]
    factors: dict[Name, Factor] = Field(default_factory=dict)
    cells: dict[str, str] = Field(default_factory=dict)  # "a+b": a better name for that cell
    arms: dict[Name, ArmSpec] = Field(default_factory=dict)
    contrasts: tuple[ContrastSpec, ...] = ()


def read_study(name_or_path: str) -> Study:
    """A study by the name of a packaged file or by path. Raises ``ConfigError``."""
    packaged = FOLDER / f"{name_or_path}.yaml"
    path = packaged if packaged.is_file() else Path(name_or_path)
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise ConfigError(f"--config: given {name_or_path}; allowed: a YAML file, or {names}")
    return parse_as(Study, read_yaml(path))
