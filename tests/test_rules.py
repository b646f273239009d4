"""The house rules, read from the syntax tree of every file: imports in functions count too."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("cal", "evidence", "ablations", "search_spaces", "cluster", "benchmarks", "tests")
ROOMS += ("docs", "examples", ".ci")
LINES = 400

# Where a library may be imported; nowhere else.
HOMES = {
    "ray": ("cal/adapters/ray_*.py", "search_spaces/explore.py", "benchmarks/raw_*.py")
    + ("cluster/*", "tests/integration/*", "tests/services/*"),
    "mlflow": ("cal/adapters/tracking*.py", "tests/integration/*"),
    "matplotlib": ("evidence/charts/still.py",),
    "plotly": ("evidence/pages/html.py",),
    "optuna": ("search_spaces/*", "tests/contract/*", "tests/integration/*")
    + ("benchmarks/regret_contestants.py", "benchmarks/search_overhead.py"),
    "syne_tune": ("benchmarks/regret_syne.py",),
    "pytorch_lightning": ("cal/adapters/lightning.py", "tests/contract/test_lightning.py")
    + ("tests/contract/test_own_docs.py",),
    # The two commands of cal: what they call is given a trainer or a parallel map.
    "cal.adapters": ("cal/adapters/*", "cal/train.py", "cal/data/__main__.py", "search_spaces/*")
    + ("ablations/*", "cluster/*", "benchmarks/*", "docs/screenshots.py", "tests/*"),
    "cluster": ("cluster/*", "benchmarks/*", "tests/*"),
    "evidence": ("evidence/*", "search_spaces/*", "ablations/*", "docs/*", "tests/*"),
    "search_spaces": ("search_spaces/*", "ablations/*", "benchmarks/*", "cluster/*", "tests/*"),
    "ablations": ("ablations/*", "benchmarks/*", "cluster/*", "tests/*"),
    "examples": ("examples/*", "tests/*"),
    "tests": ("tests/*",),
}
# All that a room may import beside the standard library.
ALLOWED = {
    "cal/config.py": ("pydantic", "pydantic_core", "yaml", "cal.fields", "cal.baselines")
    + ("cal.modalities", "cal.own", "cal.protocols", "cal.rules", "cal.source"),
    "cal/source.py": ("pydantic", "pydantic_core", "cal.fields", "cal.modalities", "cal.own"),
    "cal/rules.py": ("cal.own", "cal.protocols", "cal.source", "cal.config"),
    "cal/own.py": ("cal.fields", "cal.modalities"),
    "cal/modalities.py": (),
    "cal/fields.py": ("pydantic", "pydantic_core"),
    "cal/baselines.py": ("pydantic", "cal.fields"),
    "cal/protocols.py": ("pydantic", "cal.fields"),
    "cal/severities.py": ("cal.modalities",),
    "cal/losses.py": ("torch",),
    "cal/mechanisms/*": ("torch", "cal.mechanisms"),
    "cal/model/*": ("torch", "torchvision", "transformers", "cal.config", "cal.modalities")
    + ("cal.model", "cal.rng"),
    "cal/methods/*": ("torch", "cal.config", "cal.losses", "cal.mechanisms", "cal.methods")
    + ("cal.rng",),
    "cal/adapters/lightning.py": ("torch", "pytorch_lightning", "cal.config", "cal.mechanisms")
    + ("cal.methods", "cal.rng", "cal.rules"),
    "examples/own_loop.py": ("torch", "sklearn", "cal.mechanisms"),
    "examples/*": ("numpy", "torch", "sklearn", "cal"),
    "evidence/statistics/*": ("numpy", "scipy", "evidence.statistics"),
    "evidence/*": ("numpy", "scipy", "matplotlib", "plotly", "jinja2", "markupsafe", "evidence")
    + ("cal.config",),
    "search_spaces/fields.py": ("pydantic", "cal.config"),
    "search_spaces/dimension.py": ("pydantic", "cal.config", "cal.fields", "search_spaces.fields"),
    "search_spaces/settings.py": ("pydantic", "cal.config", "cal.fields", "search_spaces.dimension")
    + ("search_spaces.fields",),
    "search_spaces/space.py": ("cal.config", "cal.effective", "cal.fields")
    + ("search_spaces.dimension", "search_spaces.fields", "search_spaces.settings"),
    **dict.fromkeys(
        ("search_spaces/wording/*", "search_spaces/charts/*", "search_spaces/pages/*")
        + ("search_spaces/edges.py", "search_spaces/reading.py", "search_spaces/switched_off.py")
        + ("search_spaces/hypervolume.py", "search_spaces/writing.py"),
        ("numpy", "cal.config", "evidence", "search_spaces"),
    ),
    "search_spaces/*": ("pydantic", "optuna", "ray", "cal", "search_spaces", "evidence", "rich")
    + ("numpy", "scipy", "yaml"),
}
PURE = tuple(
    f"ablations/{name}.py"
    for name in ("arms", "conditions", "designs", "fractions", "pairing", "plan", "published")
)
PURE += ("ablations/known_truth.py", "ablations/simulated_ranks.py")
PURE += ("evidence/statistics/__init__.py", "ablations/summary/__init__.py")
PURE += ("ablations/severities.py", "cal/severities.py", "cal/protocols.py")
PURE += ("ablations/plans.py", "ablations/simulated.py", "ablations/study.py", "ablations/until.py")
PURE += ("ablations/tuning.py", "ablations/tuning_search.py", "search_spaces/space.py")
PURE += ("search_spaces/edges.py", "search_spaces/reading.py", "search_spaces/switched_off.py")
PURE += ("search_spaces/wording/__init__.py", "search_spaces/charts/__init__.py")
PURE += ("search_spaces/pages/html.py", "search_spaces/writing.py")
PURE += tuple(
    f"search_spaces/{name}.py" for name in ("branches", "dimension", "sections", "settings")
)
PURE += tuple(
    f"search_spaces/{name}.py"
    for name in ("confirm", "fronts", "objectives", "options", "progress", "racing", "searched")
)
PURE += ("search_spaces/stopping.py", "search_spaces/trials.py")
HEAVY = ("torch", "ray", "mlflow", "optuna")
COMMANDS = (
    "cal.train",
    "cal.data",
    "ablations.alone",
    "ablations.full",
    "ablations.report",
    "ablations.simulate",
) + (
    *("ablations.selfcheck", "cal.adapters.tracking", "search_spaces.check"),
    *("search_spaces.explore", "cluster.demo", "cluster.doctor", "cluster.submit"),
)

BLOCKER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ray", "mlflow", "optuna"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
"""
# Joined here, so that this file does not hold what it forbids.
MACHINE = ["/".join(("", "work", "main")), "/".join(("", "root", ""))]
INDEXES = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("files", "pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("pypi", "nvidia", "com"),
    )
]


@cache
def listed() -> tuple[str, ...]:
    """Every file of the project as git sees it, new ones too; without git, by folder."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        inside = [path for room in ROOMS for path in (ROOT / room).rglob("*")]
        found = (*ROOT.iterdir(), *(p for p in inside if "__pycache__" not in p.parts))
        names = [path.relative_to(ROOT).as_posix() for path in found]
    return tuple(sorted(name for name in set(names) if (ROOT / name).is_file()))


def python_files(*patterns: str) -> list[str]:
    """Python files that match a pattern (all without one)."""
    names = [name for name in listed() if name.endswith(".py")]
    return [n for n in names if not patterns or any(fnmatch(n, p) for p in patterns)]


@cache
def tree(name: str) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse((ROOT / name).read_bytes(), name)


def imports(module: ast.Module, package: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted names of all that is imported: ``from a import b`` is a.b; relative ones resolved."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=base, names=aliases, level=level):
                above = package[: len(package) + 1 - level] if level else ()
                start = [*above, base] if base else [*above]
                yield from (".".join([*start, alias.name]) for alias in aliases)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(given)), *_],
            ):
                yield given


def imported(name: str) -> set[str]:
    """``imports`` of a file of the project."""
    return set(imports(tree(name), Path(name).parts[:-1]))


def within(dotted: str, *rooms: str) -> bool:
    """Whether a dotted name is one of the modules or lies in one."""
    return any(dotted == room or dotted.startswith(f"{room}.") for room in rooms)


def uses(module: ast.Module, library: str) -> Iterator[tuple[str, ast.AST]]:
    """Attributes taken from a library, under whatever name it was imported."""
    own = {library}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            own |= {a.asname for a in node.names if a.name == library and a.asname}
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in own:
                yield attribute, node
            case ast.ImportFrom(module=base, names=aliases, level=0) if base == library:
                yield from ((alias.name, node) for alias in aliases)


def unsafe(module: ast.Module) -> list[int]:
    """Lines that may run code from a file: torch.load not weights_only, yaml but by safe_load."""
    safe = {
        id(node.func)
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "weights_only"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
    }
    loads = [n for name, n in uses(module, "torch") if name == "load" and id(n) not in safe]
    loads += [n for a, n in uses(module, "yaml") if "load" in a.lower() and a != "safe_load"]
    return sorted(getattr(node, "lineno", 0) for node in loads)


def python(*words: str, path: str = str(ROOT)) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter at the root of the project."""
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_reader_sees_every_form_of_import() -> None:
    source = """
import ray.train as r, os
from cal import adapters
def f():
    from .sister import x
    from ..model import *
    from . import y
    __import__("mlflow"); importlib.import_module("optuna.trial")
"""
    assert set(imports(ast.parse(source), ("cal", "methods"))) == {
        *("ray.train", "os", "cal.adapters", "cal.methods.sister.x", "cal.model.*"),
        *("cal.methods.y", "mlflow", "optuna.trial"),
    }


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch.load(f)",
        "import torch; torch.load(f, weights_only=False)",
        "import torch as t; t.load(f)",
        "from torch import load",
        "import yaml; yaml.load(f, Loader=yaml.SafeLoader)",
        "import yaml as y; y.unsafe_load(f)",
        "from yaml import full_load",
    ],
)
def test_the_reader_sees_every_unsafe_load(line: str) -> None:
    assert unsafe(ast.parse(line))
    fine = "import torch, yaml; torch.load(f, weights_only=True); yaml.safe_load(f)"
    assert not unsafe(ast.parse(fine))


def test_there_is_something_to_read() -> None:
    assert "torch.Tensor" in imported("cal/trainer.py")
    assert all(python_files(pattern) for pattern in ALLOWED)
    assert all((ROOT / name).is_file() for name in PURE)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    strangers = set(python_files()) - set(python_files(*HOMES[library]))
    found = {n: hits for n in strangers if (hits := [i for i in imported(n) if within(i, library)])}
    assert not found


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for name in python_files(room):
        foreign = {i for i in imported(name) if i.partition(".")[0] not in sys.stdlib_module_names}
        assert not {i for i in foreign if not within(i, *ALLOWED[room])}, name


@pytest.mark.parametrize("name", PURE)
def test_plan_and_statistics_are_pure(name: str) -> None:
    """Nor does anything that they import open torch, ray or mlflow."""
    assert not [i for i in imported(name) if within(i, *HEAVY)]
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    code = f"import sys, {module}; sys.exit(' '.join({{*{HEAVY}}} & {{*sys.modules}}) or 0)"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_a_plan_is_made_without_torch() -> None:
    """Of the default study, so with every effective configuration and hash."""
    make = "plan.make_plan(study.read_study('default'), seeds=1)"
    code = f"import sys\nfrom ablations import plan, study\nassert {make}.runs\n"
    done = python("-c", code + f"sys.exit(' '.join({{*{HEAVY}}} & {{*sys.modules}}) or 0)")
    assert done.returncode == 0, done.stderr


def test_the_core_imports_without_ray_mlflow_and_optuna() -> None:
    names = set(python_files("cal/*")) - set(python_files("cal/adapters/*"))
    names.remove("cal/data/make_assets.py")  # makes the packaged files; needs scikit-learn
    parts = (name.removesuffix(".py").removesuffix("/__init__").split("/") for name in names)
    modules = ", ".join(sorted(".".join(words) for words in parts))
    done = python("-W", "error", "-c", f"{BLOCKER}\nimport {modules}")
    assert done.returncode == 0, done.stderr


def test_unit_tests_import_without_ray_mlflow_and_optuna(tmp_path: Path) -> None:
    """That they also run without is seen to by tests/unit/conftest.py."""
    (tmp_path / "blocked.py").write_text(BLOCKER, encoding="utf-8")
    words = ("-q", "tests/unit", "--collect-only", "-p", "blocked", "-p", "no:cacheprovider")
    done = python("-m", "pytest", *words, path=os.pathsep.join((str(tmp_path), str(ROOT))))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("module", COMMANDS)
def test_help_opens_nothing_heavy(module: str) -> None:
    code = f"""
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
except SystemExit as end:
    opened = {{*{HEAVY}}} & {{*sys.modules}}
    sys.exit(f"exit {{end.code}}, opened {{opened}}" if end.code or opened else 0)
sys.exit("did not exit")
"""
    done = python("-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_files_are_short() -> None:
    counts = {n: (ROOT / n).read_bytes().count(b"\n") for n in python_files()}
    assert not {name: count for name, count in counts.items() if count > LINES}


def test_python_files_are_ascii() -> None:
    assert not [name for name in python_files() if not (ROOT / name).read_bytes().isascii()]


def test_no_path_of_a_machine_and_no_package_index() -> None:
    found = []
    for name in listed():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:  # a text
            text = content.decode(errors="replace")
            found += [f"{name}: {word}" for word in (*MACHINE, *INDEXES) if word in text]
    assert not found


def test_the_lock_holds_names_and_exact_versions_only() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    exact = re.compile(r'#.*|[\w.-]+==[\w.!]+( ; sys_platform == "linux")?')
    assert not [line for line in lines if not exact.fullmatch(line)]


def test_files_are_loaded_safely() -> None:
    found = {n: lines for n in python_files() if (lines := unsafe(tree(n)))}
    assert not found
