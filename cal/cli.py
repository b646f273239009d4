"""What every command shares: exit codes, one-line errors, and how an interrupted one goes on."""

import argparse
import difflib
import math
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from cal import eventlog
from cal.config import ConfigError

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_signals: list[int] = []  # that asked this command to end


class Parser(argparse.ArgumentParser):
    """``argparse`` with examples as they are written, faults in one line, and no abbreviations:
    ``--seed 3`` would start a study of three seeds.
    """

    def __init__(self, prog: str, **given: Any) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, formatter_class=raw, allow_abbrev=False, **given)

    def error(self, message: str) -> NoReturn:
        """Raises ``ConfigError``, with the nearest option for an unknown one."""
        text = message.removeprefix("argument ")
        unknown = text.removeprefix("unrecognized arguments: ").split()[0].partition("=")[0]
        near = difflib.get_close_matches(unknown, self._option_string_actions, n=1)
        if unknown.startswith("-") and near and text.startswith("unrecognized"):
            text = f"{unknown}: unknown option; did you mean {near[0]}?"
        raise ConfigError(f"{text}; {self.prog} --help explains")


def hidden(uri: str) -> str:
    """An address without its password."""
    return re.sub(r"(://[^:/@]*):[^/]*@", r"\1:***@", uri)


def command(module: str, arguments: Sequence[str] | None = None) -> str:
    """This command as a shell takes it, for logs and reports: without passwords of addresses."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", module, *map(hidden, given)])


def count(text: str) -> int:
    """An option's value: a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"given {text}; allowed: 1 or more")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """An option's value: names joined by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def gpus(text: str) -> float:
    """An option's value: GPUs of a worker, a part of one or whole ones (what Ray can place)."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (0 <= value <= 1 or (math.isfinite(value) and value > 1 and value.is_integer())):
        raise argparse.ArgumentTypeError(f"given {text}; allowed: 0 to 1, or a whole number")
    return value


def price(text: str) -> float:
    """An option's value: what an hour of a core (or GPU) costs, in whatever currency."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"given {text}; allowed: 0 or more")
    return value


class StoppedError(RuntimeError):
    """The work cannot go on (the ledger is away, another driver took over): one line with what to
    do, exit 1.
    """


def run(main: Callable[[], int], *, module: str) -> NoReturn:
    """Exit with main's code: 0 done, 1 some runs failed, 2 bad input, 130 interrupted."""
    _signals.clear()
    interruptible()
    code = SOME_FAILED  # if a reader leaves (``| head -1``) before the end
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        code = _interrupted(module)
    except SystemExit as end:
        if end.code != signal.SIGTERM:  # as the handler of ray.init ends us, until ours is back
            raise
        code = _interrupted(module)
    except Exception as error:
        # A library may turn the interrupt into an error of its own, above all while it is imported.
        code = _interrupted(module) if _signals else _failed(error)
    _signals.clear()
    raise SystemExit(code)


def _interrupted(module: str) -> int:
    print(f"interrupted; nothing is lost, go on with: {command(module)}", file=sys.stderr)
    return INTERRUPTED


def _failed(error: Exception) -> int:
    """The exit code of an error that is told in one line; others keep their traceback."""
    if isinstance(error, ConfigError):
        print(visible(str(error)), file=sys.stderr)
        return BAD_INPUT
    if isinstance(error, StoppedError):
        print(visible(str(error)), file=sys.stderr)
        return SOME_FAILED
    raise error


def visible(text: str) -> str:
    """Lines without what would act on a terminal: what was given stands in them."""
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)


def say(text: str) -> None:
    """Progress, on standard error; an event of the structured log where that is asked for."""
    shown = eventlog.entry("note", message=text) if eventlog.wanted() else text
    print(shown, file=sys.stderr, flush=True)


def interruptible() -> None:
    """SIGTERM (``ray job stop``) and a closed terminal end a command as Ctrl-C does; to repeat
    after ``ray.init``. A signal that is ignored (``nohup``, the background of a script) stays so.

    Raises ``KeyboardInterrupt`` if one came before and its exception was lost on the way, as in a
    callback from C.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        _signals.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    heed()


def heed() -> None:
    """Raises ``KeyboardInterrupt`` if a signal came whose exception was lost on the way: for loops
    around libraries that swallow it.
    """
    if _signals:
        raise KeyboardInterrupt
