"""The shape of the code: imports run one way, heavy libraries are loaded late, rules are used, files stay small."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from freshet.expectations.rules import RULES

ROOT = Path(__file__).parents[2]
TOPS = ("expectations", "tasks", "flows", "freshet", "deploy")
"""Folders at the top of the repository, lowest first: each may import itself and those before it.

`freshet` is the documented face, the files of its own in freshet/; to Python the other folders lie below it.
"""

RANKS = (
    ("errors",),
    ("settings", "store", "text", "render"),
    ("rules", "embedding"),
    ("runs", "governance"),
    ("ledger",),
    ("search", "documents", "lineage", "reports"),
    ("answers",),
    ("datasets", "index"),
    ("backfill", "golden", "maintenance", "status", "pilot"),
    ("doctor", "monitoring", "erasure"),
    ("service", "advice"),
)
"""Rooms of `tasks`, lowest first: a module imports from its own room and from lower ranks, never from a neighbour."""

HEAVY = {
    "torch", "sentence_transformers", "transformers", "great_expectations", "unstructured", "lancedb", "lance", "spacy",
    "pandas",
}  # fmt: skip
LATE = {"numpy", "pyarrow", "jinja2", "openai", "httpx2", "xllamacpp", "prefect"}
"""Libraries that modules of some commands may load, and `freshet --help` does not wait for."""

MOST_LINES = 300


def _files(*tops: str) -> list[Path]:
    """Python files below folders of the repository; the links in freshet/ are not followed."""
    return sorted(file for top in tops for file in (ROOT / top).rglob("*.py"))


CODE = _files(*TOPS)


def _module(file: Path) -> str:
    dotted = str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    return dotted if dotted == "freshet" or dotted.startswith("freshet.") else f"freshet.{dotted}"


MODULES = {_module(file): file for file in CODE}


def _imports(tree: ast.AST) -> Iterator[str]:
    """Every import of a file, whether at load, within a function or for a type checker."""
    for node in ast.walk(tree):
        yield from _names(node)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports hide which layer is meant"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _modules_imported(file: Path) -> set[str]:
    """Modules of Freshet's own that a file imports."""
    found = set()
    for name in _imports(_tree(file)):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]  # noqa: PLW2901 — from a name in a module to the module
        found |= {name} - {""}
    return found - {_module(file)}


def _imports_when_loaded(tree: ast.AST) -> Iterator[str]:
    """Names that importing the module imports: not those within functions or under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from (name for branch in node.orelse for name in _imports_when_loaded(branch))
            continue
        yield from _names(node)
        yield from _imports_when_loaded(node)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def _label(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _top(module: str) -> str:
    part = module.split(".")[1] if "." in module else ""
    return part if part in TOPS else "freshet"


def _room(module: str) -> str | None:
    """The room of `tasks` that a module is in; None for `tasks` itself, and for modules elsewhere."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == ["tasks"] and len(parts) > 2 else None


def _rank(room: str) -> int:
    return next(rank for rank, rooms in enumerate(RANKS) if room in rooms)


@pytest.mark.parametrize("file", CODE, ids=_label)
def test_imports_run_from_deploy_over_flows_and_tasks_to_expectations(file: Path) -> None:
    above = TOPS[TOPS.index(_top(_module(file))) + 1 :]
    assert [name for name in _modules_imported(file) if name != "freshet" and _top(name) in above] == []
    assert [name for name in _imports(_tree(file)) if name.split(".")[0] in {"tests", "bench"}] == []


@pytest.mark.parametrize("file", _files("tasks"), ids=_label)
def test_a_room_knows_lower_ranks_only(file: Path) -> None:
    own = _room(_module(file))
    for name in _modules_imported(file):
        other = _room(name)
        if own is not None and other not in {None, own}:
            assert _rank(str(other)) < _rank(own), f"{own} imports {name}, which does not stand below it"


def test_every_room_has_a_rank() -> None:
    rooms = {room for room in map(_room, MODULES) if room is not None}
    assert rooms <= {room for rank in RANKS for room in rank}
    assert {str(_room(_module(file))) for file in (ROOT / "tasks").glob("*.py")} == {"None", "errors"}


FLOORS_OF_DATASETS = (
    ("stage", "inputs", "copies", "origins"),
    ("shapes", "split", "review"),
    ("checks", "loading", "leaks", "assembly", "export"),
    ("card", "versions"),
    ("listing", "checking", "publishing"),
    ("steps",),
)
"""Rooms within tasks/datasets, lowest first; each file beside the rooms counts as a room of its own."""


@pytest.mark.parametrize("file", _files("tasks/datasets"), ids=_label)
def test_a_room_of_datasets_knows_lower_floors_only(file: Path) -> None:
    floors = {room: floor for floor, rooms in enumerate(FLOORS_OF_DATASETS) for room in rooms}
    own = _dataset_room(_module(file))
    for name in _modules_imported(file):
        other = _dataset_room(name)
        if own is not None and other not in {None, own}:
            assert floors[str(other)] < floors[own], f"{own} imports {name}, which does not stand below it"
    assert own is None or own in floors


def _dataset_room(module: str) -> str | None:
    """The room of `tasks/datasets` that a module is in; None for `tasks.datasets` itself, and for modules elsewhere."""
    parts = module.split(".")
    return parts[3] if parts[1:3] == ["tasks", "datasets"] and len(parts) > 3 else None


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert _circle({name: _modules_imported(file) for name, file in MODULES.items()}) == []


def _circle(arrows: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def test_a_circle_is_seen() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []
    assert _circle({"a": {"b", "c"}, "b": {"c"}}) == []


OLD_NAME = re.compile(r"(?<![\w./-])(?:flows|tasks|deploy|expectations)(?:\.[a-z_]\w*)+(?!\.)")
"""A dotted name that starts at a folder, as a string may hold: `-m tasks.x`, an entry point, a kill point."""


def test_everything_goes_by_the_one_import_name() -> None:
    """A module that is imported under two names is two modules, each with its own state."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    kinds = {".py", ".yaml", ".json", ".toml", ".md", ".sh", ""}
    texts = [ROOT / name for name in listed or map(_label, CODE) if Path(name).suffix in kinds]
    assert len(texts) >= len(CODE)
    for file in texts:
        if file.is_file() and "standards" not in file.parts and file.suffix != ".eml" and file != Path(__file__):
            for name in set(OLD_NAME.findall(file.read_text("utf-8", errors="ignore"))) - {"tasks.py", "deploy.py"}:
                assert f"freshet.{name}" not in MODULES, f"{_label(file)} says {name}"
                assert f"freshet.{name.rpartition('.')[0]}" not in MODULES, f"{_label(file)} says {name}"


@pytest.mark.parametrize("file", _files("freshet", "flows", "tasks", "expectations"), ids=_label)
def test_heavy_libraries_are_imported_where_they_are_used(file: Path) -> None:
    assert [name for name in _imports_when_loaded(_tree(file)) if name.split(".")[0] in HEAVY] == []


def test_the_command_loads_no_library_that_only_some_commands_need() -> None:
    names = sorted({*HEAVY, *LATE})
    told = f"import freshet.flows.command.app, sys; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("file", _files("tasks", "expectations"), ids=_label)
def test_prefect_stays_out_of_the_plain_functions(file: Path) -> None:
    """Only the thin tasks beside the steps, called steps.py, load Prefect with their module."""
    if file.name == "steps.py":
        return
    assert [name for name in _imports_when_loaded(_tree(file)) if name.split(".")[0] == "prefect"] == []


@cache
def _constants() -> frozenset[object]:
    """Every constant in the code that gives verdicts."""
    steps = [*_files("tasks"), *(file for file in _files("expectations") if not file.stem.endswith("rules"))]
    return frozenset(node.value for file in steps for node in ast.walk(_tree(file)) if isinstance(node, ast.Constant))


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_used_and_says_why_and_what_to_do(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert code in _constants(), f"no step gives the verdict {code}"
    assert len(rule.why) > 10
    assert rule.why.endswith(".")
    assert len(rule.mend) > 10
    assert rule.mend.endswith(".")


@pytest.mark.parametrize("file", [*CODE, *_files("bench")], ids=_label)
def test_no_file_holds_two_files(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= MOST_LINES
