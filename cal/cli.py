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


class StoppedError(RuntimeError):
    """The work cannot go on (the ledger is away, another driver took over): one line, exit 1."""


def run(main: Callable[[], int], *, module: str) -> NoReturn:
    """Exit with main's code: 0 done, 1 some runs failed, 2 bad input, 130 interrupted."""
    interruptible()
    try:
        code = main()
        sys.stdout.flush()  # here, so that a reader who left (``| head -1``) is noticed below
    except ConfigError as error:
        print(error, file=sys.stderr)
        code = BAD_INPUT
    except KeyboardInterrupt:
        words = shlex.join(["python", "-m", module, *sys.argv[1:]])
        print(f"interrupted; nothing is lost, go on with: {words}", file=sys.stderr)
        code = INTERRUPTED
    except StoppedError as error:
        print(f"{error}; give the command again to go on", file=sys.stderr)
        code = SOME_FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    raise SystemExit(code)


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def interruptible() -> None:
    """SIGTERM (``ray job stop``) ends a command as Ctrl-C does; to repeat after ``ray.init``."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
