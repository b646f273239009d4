"""The script that takes pictures, as far as it goes without a browser and a server."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'docs'}"}
    words = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def test_help_opens_no_browser() -> None:
    done = python("import screenshots; screenshots.main(['--help'])")
    assert done.returncode == 0
    assert "docs/screenshots.py --report" in done.stdout


def test_a_missing_browser_is_one_line() -> None:
    blocked = "import sys; sys.modules['selenium'] = None; import screenshots\n"
    done = python(blocked + "with screenshots.browser(): pass")
    assert done.returncode == 1
    assert done.stderr == "selenium: not installed; pip install selenium\n"
