"""What every command shares: exit codes, one-line errors, and how an interrupted one goes on."""

import os
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from cal.config import ConfigError

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_signals: list[int] = []  # that asked this command to end


class StoppedError(RuntimeError):
    """The work cannot go on (the ledger is away, another driver took over): one line, exit 1."""


def run(main: Callable[[], int], *, module: str) -> NoReturn:
    """Exit with main's code: 0 done, 1 some runs failed, 2 bad input, 130 interrupted."""
    _signals.clear()
    interruptible()
    try:
        code = main()
        sys.stdout.flush()  # here, so that a reader who left (``| head -1``) is noticed below
    except KeyboardInterrupt:
        code = _interrupted(module)
    except Exception as error:
        # A library may turn the interrupt into an error of its own, above all while it is imported.
        code = _interrupted(module) if _signals else _failed(error)
    raise SystemExit(code)


def _interrupted(module: str) -> int:
    words = shlex.join(["python", "-m", module, *sys.argv[1:]])
    print(f"interrupted; nothing is lost, go on with: {words}", file=sys.stderr)
    return INTERRUPTED


def _failed(error: Exception) -> int:
    """The exit code of an error that is told in one line; others keep their traceback."""
    if isinstance(error, ConfigError):
        print(error, file=sys.stderr)
        return BAD_INPUT
    if isinstance(error, StoppedError):
        print(f"{error}; give the command again to go on", file=sys.stderr)
        return SOME_FAILED
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    raise error


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def interruptible() -> None:
    """SIGTERM (``ray job stop``) ends a command as Ctrl-C does; to repeat after ``ray.init``.

    Where Ctrl-C is ignored (a command in the background of a script) it stays so.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        _signals.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
