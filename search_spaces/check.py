"""Explain a search space: its fields and ranges, which of them act on a configuration, the settings
it begins with, and its size. Starts nothing.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cal import cli
from cal.config import (
    CONFIGS,
    Config,
    ConfigError,
    assignments,
    find_yaml,
    flatten,
    merge,
    parse,
    read_yaml,
)
from search_spaces.branches import reached, settings_for
from search_spaces.dimension import Choice, Dimension, listed
from search_spaces.sections import read_sections
from search_spaces.space import FOLDER, Label, Space, fields_for, read_space

EXAMPLES = """examples:
  python -m search_spaces.check cal
  python -m search_spaces.check bottleneck --config keypad
  python -m search_spaces.check acceleration cal.bottleneck.enabled=false
  python -m search_spaces.check my-space.yaml --config my-base.yaml optim.name=adam

exit codes: 0 the space is good, 2 bad input, a line for each fault
"""
LABELS: tuple[Label, ...] = ("scientific", "nuisance", "fixed")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m search_spaces.check", description=__doc__, epilog=EXAMPLES)
    p.add_argument("space", metavar="SPACE", help=f"YAML, or a packaged name: {_names()}")
    p.add_argument(
        "--config",
        metavar="FILE",
        default="hw20",
        help="base configuration: YAML, or a packaged name (hw20)",
    )
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of the base")
    return p


def _names() -> str:
    return ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_intermixed_args(arguments)  # SPACE --config FILE FIELD=VALUE
    tree = merge(
        read_yaml(find_yaml(options.config, folder=CONFIGS, option="--config")),
        assignments(options.assignments),
    )
    console = Console()
    # A section may change the base so that only together they are a configuration.
    spaces = [(space, parse(merge(tree, changed))) for space, changed in _spaces(options.space)]
    told = [Told.of(space, config) for space, config in spaces]  # all faults before any output
    for one in told:
        _tell(one, console=console, base=options.config)
    return cli.DONE


def _spaces(name_or_path: str) -> Iterator[tuple[Space, dict[str, object]]]:
    """The file's own space, if it has one, and each section's, with what it lays over the base."""
    sections = read_sections(name_or_path)
    path = find_yaml(name_or_path, folder=FOLDER, option="--space")
    if not sections or {"fields", "include"} & set(read_yaml(path, option="--space")):
        yield read_space(name_or_path), {}
    for section in sections.values():
        yield section.space, section.config


@dataclass(frozen=True)
class Told:
    """A space on a base configuration."""

    space: Space
    config: Config
    branch: dict[str, Config | None]  # name -> a configuration of the search where it acts

    @classmethod
    def of(cls, space: Space, config: Config) -> "Told":
        """Raises ``ConfigError`` for a field that changes nothing where its conditions hold, and
        where none acts.
        """
        branch = {d.name: reached(d, space.dimensions, config) for d in space.dimensions}
        for reachable in branch.values():
            if reachable is not None:
                fields_for(space, reachable, labels=LABELS)
        if not any(branch.values()):
            raise ConfigError(f"--space: given {space.name}, of which no field acts on this base")
        return cls(space, config, branch)


def _tell(told: Told, *, console: Console, base: str) -> None:
    space, settings = told.space, settings_for(told.space, told.config)
    console.print(Text(f"{space.name}: {space.title}" if space.title else space.name, "bold"))
    console.print(_table(told, base=base))
    for line in notes(told):
        console.print(Text(line))
    for setting in settings:
        values = ", ".join(f"{path} {_word(value)}" for path, value in setting.values.items())
        console.print(Text(f"begins with ({setting.source}): {values}"))
    if len(space.published) > len(settings):
        away = len(space.published) - len(settings)
        console.print(Text(f"{away} published for other configurations than {base}"))
    console.print(Text(f"size: {size(told)}\n"))


def _table(told: Told, *, base: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0)
    for title in ("field", "label"):
        table.add_column(title, no_wrap=True)
    for title in ("range", "default", f"on {base}"):
        table.add_column(title, overflow="fold")
    for d in told.space.dimensions:
        branch = told.branch[d.name]
        acts = "no" if branch is None else "acts" if branch == told.config else "in a branch"
        table.add_row(*map(Text, (d.name, d.label, range_words(d), _word(d.default), acts)))
    return table


def notes(told: Told) -> Iterator[str]:
    """By field: its unit if it has choices, what both ends of a range mean, where it acts."""
    for d in told.space.dimensions:
        words = [d.unit] if d.unit and d.kind == "categorical" else []
        words += [acting_words(d, told.config, told.branch[d.name])]
        if any(words):
            yield f"{d.name}: {'; '.join(filter(None, words))}"
        if d.ends is not None:
            yield f"{d.name} = {_word(d.low)}: {d.ends.low}"
            yield f"{d.name} = {_word(d.high)}: {d.ends.high}"


def range_words(d: Dimension) -> str:
    """``0.01 to 0.15 per step, log`` or ``linear | cosine``."""
    if d.label == "fixed":
        return "fixed"
    if d.kind == "categorical":
        return " | ".join(map(_word, d.choices))
    low, high = d.range
    unit = f" {d.unit}" if d.unit else ""
    return f"{d.kind} {low:g} to {high:g}{unit}{', log' if d.log else ''}"


def acting_words(d: Dimension, config: Config, branch: Config | None) -> str:
    """Where a dimension acts; empty where it acts on the base."""
    if branch is None:
        conditions = ", ".join(f"{path} {_any(wanted)}" for path, wanted in d.when.items())
        return f"acts nowhere on this base, it needs {conditions}"
    before, after = (flatten(c.model_dump(mode="json")) for c in (config, branch))
    changed = [f"{path} {_any(d.when[path])}" for path in d.when if before[path] != after[path]]
    return f"acts where {', '.join(changed)}" if changed else ""


def _any(wanted: Choice) -> str:
    return " | ".join(map(_word, listed(wanted)))


def _word(value: Choice) -> str:
    """As it is written in YAML."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_word, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def size(told: Told) -> str:
    """How much there is to search from this base, in words."""
    own = [d for d in told.space.dimensions if d.label != "fixed" and told.branch[d.name]]
    chosen = {d.field: len(d.choices) for d in own if d.kind == "categorical"}
    ranged = {d.field for d in own} - set(chosen)
    parts = []
    if chosen:
        combined = f"at most {prod(chosen.values()):,} combinations"
        parts.append(f"{_count(len(chosen), 'field')} of choices ({combined})")
    if ranged:
        parts.append(f"{_count(len(ranged), 'range')} of numbers")
    return " and ".join(parts) or "nothing to search, all fields are fixed"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    cli.run(main, module="search_spaces.check")
