"""What the two checkers of files share: read each, say all that is wrong."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cal import cli
from cal.config import ConfigError
from cluster.manifests.check import placeholders


def checked(
    module: str,
    about: str | None,
    words: Sequence[str] | None,
    *,
    problems: Callable[[str], list[str]],
    sound: Callable[[str], str],
) -> int:
    """The command ``module``, which ``about`` explains: 0 if every file is sound, else 1.

    ``problems`` of a file's text; ``sound`` says what a file without any is. Raises
    ``ConfigError`` for one that cannot be read.
    """
    parser = cli.Parser(f"python -m {module}", description=about)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--filled", action="store_true", help="refuse placeholders too")
    given = parser.parse_args(words)
    wrong = 0
    for path in given.files:
        text = _text(path)
        found = problems(text) + (placeholders(text) if given.filled else [])
        for line in found:
            print(f"{path}: {line}", file=sys.stderr)
        if not found:
            print(f"{path}: {sound(text)}")
        wrong += bool(found)
    return int(wrong > 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(f"FILE: given {path}; cannot be read: {reason}") from None
