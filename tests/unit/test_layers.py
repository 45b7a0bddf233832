"""The shape of the code: imports run one way, heavy libraries are loaded late, rules are used, files stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from freshet.expectations.rules import RULES

ROOT = Path(__file__).parents[2]
LAYERS = ("deploy", "flows", "tasks", "expectations")
"""A layer may import itself and those to its right."""

SIBLINGS = ("documents", "index", "datasets")
"""Parts of `tasks` that do not know each other."""

GROUND = ("text", "lineage", "configuration")
"""Parts of `tasks` that the siblings stand on, and which know none of them."""

HEAVY = {
    "torch", "sentence_transformers", "transformers", "great_expectations", "unstructured", "lancedb", "lance", "spacy",
    "pandas",
}  # fmt: skip
MOST_LINES = 400


def _files(*layers: str) -> list[Path]:
    return sorted(file for layer in layers for file in (ROOT / layer).rglob("*.py"))


CODE = _files(*LAYERS)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from _names(node)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports hide which layer is meant"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


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


@pytest.mark.parametrize("file", CODE, ids=_label)
def test_imports_run_from_deploy_over_flows_and_tasks_to_expectations(file: Path) -> None:
    layer = LAYERS.index(file.relative_to(ROOT).parts[0])
    above = set(LAYERS[:layer])
    assert [name for name in _imports(_tree(file)) if name.split(".")[0] in above | {"tests", "bench"}] == []


@pytest.mark.parametrize("file", _files("tasks"), ids=_label)
def test_documents_index_and_datasets_do_not_know_each_other(file: Path) -> None:
    part = file.relative_to(ROOT / "tasks").parts[0]
    if part in SIBLINGS:
        foreign = {f"tasks.{sibling}" for sibling in SIBLINGS if sibling != part}
    elif part in GROUND:
        foreign = {f"tasks.{sibling}" for sibling in SIBLINGS}
    else:
        # The modules that stand alone in tasks/ (settings, store ...) may name another half's types, and load none.
        foreign = {f"tasks.{sibling}" for sibling in SIBLINGS}
        loaded = [n for n in _imports_when_loaded(_tree(file)) if ".".join(n.split(".")[:2]) in foreign]
        assert loaded == []
        return
    assert [n for n in _imports(_tree(file)) if ".".join(n.split(".")[:2]) in foreign] == []


@pytest.mark.parametrize("file", _files("flows", "tasks", "expectations"), ids=_label)
def test_heavy_libraries_are_imported_where_they_are_used(file: Path) -> None:
    assert [name for name in _imports_when_loaded(_tree(file)) if name.split(".")[0] in HEAVY] == []


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


@pytest.mark.parametrize("file", CODE, ids=_label)
def test_no_file_holds_two_files(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) < MOST_LINES
