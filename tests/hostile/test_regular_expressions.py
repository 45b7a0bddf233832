"""No regular expression of the code grows faster than the text that it reads, whatever that holds."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import ROOT
from tests.hostile.made_up import pumps, texts_of, texts_of_pieces, that_grows_too_fast

TOPS = ("expectations", "tasks", "flows", "deploy")
FUNCTIONS = {"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"}
"""Functions of `re` that take a pattern."""

_CACHED = type(lru_cache(lambda: None))


GIVEN = {
    ("freshet.tasks.text.globs", "_pattern"): (
        "*a*a*a*a*b", "*.?*[ab]*x", "**/a*a/**/*a/**/b", "a/*b*/**", "**/**", "[!a]*?[a]/", "/**/?*/**/*?b",
    ),
}  # fmt: skip
"""What cached functions that take one text are given here: it stands for all that may come."""

MAKERS = {
    ("freshet.tasks.store.bucket", "_trouble"): "_TROUBLES",
    ("freshet.tasks.store.trouble", "_named"): "_KINDS",
    ("freshet.tasks.text.globs", "_class"): "_pattern",
    ("freshet.tasks.text.secrets", "_made_linear"): "_detectors",
    ("freshet.tasks.text.symbols", "_Patterns"): "_patterns",
}
"""What compiles the patterns that a module keeps under another name."""


class Site(NamedTuple):
    """A place where the code gives a pattern to `re`."""

    module: str
    line: int
    function: str
    scope: str
    call: ast.Call


class Used(NamedTuple):
    """A pattern, where it was found, and the methods by which it is used."""

    where: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def _files() -> list[Path]:
    return [file for top in TOPS for file in sorted((ROOT / top).rglob("*.py")) if "re." in file.read_text("utf-8")]


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def _module(file: Path) -> str:
    return "freshet." + ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _sites() -> list[Site]:
    return [site for file in _files() for site in _sites_in(_tree(file), _module(file), "")]


def _sites_in(node: ast.AST, module: str, scope: str) -> Iterator[Site]:
    for child in ast.iter_child_nodes(node):
        inner = scope
        if not scope and isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = child.name
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
            of = child.func.value
            if isinstance(of, ast.Name) and of.id == "re" and child.func.attr in FUNCTIONS:
                yield Site(module, child.lineno, child.func.attr, scope, child)
        yield from _sites_in(child, module, inner)


def _evaluated(site: Site) -> re.Pattern[Any] | None:
    """The pattern of a call, where it is made of constants of the module."""
    flags = next((one.value for one in site.call.keywords if one.arg == "flags"), None)
    position = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(site.function, 2)
    if flags is None and len(site.call.args) > position:
        flags = site.call.args[position]
    try:
        pattern = _value(site, site.call.args[0])
        return re.compile(pattern, _value(site, flags) if flags is not None else 0)
    except NameError:
        return None


def _value(site: Site, node: ast.expr) -> Any:
    return eval(compile(ast.Expression(node), site.module, "eval"), vars(importlib.import_module(site.module)))


@cache
def _made(module: str) -> dict[str, list[tuple[str, re.Pattern[Any]]]]:
    """By the name of what holds or makes them, the patterns of a module: globals, and what cached functions give."""
    found: dict[str, list[tuple[str, re.Pattern[Any]]]] = {}
    loaded = importlib.import_module(module)
    for name, value in vars(loaded).items():
        if getattr(value, "__module__", module) != module and not isinstance(value, re.Pattern):
            continue
        if isinstance(value, _CACHED):
            needed = list(inspect.signature(value).parameters)
            by_name = [(key,) for key in vars(loaded).get("_PATTERNS", ())] if needed == ["name"] else []
            by_name += [(one,) for one in GIVEN.get((module, name), ())]
            for given in by_name if needed else [()]:
                for holder, pattern in _within(value(*given), name, set()):
                    found.setdefault(name, []).append((holder, pattern))
        elif not inspect.isfunction(value) and not inspect.isclass(value) and not inspect.ismodule(value):
            for holder, pattern in _within(value, name, set()):
                found.setdefault(name, []).append((holder, pattern))
    return found


def _within(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
        return
    if id(value) in seen or isinstance(value, str | bytes | int | float):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        parts: Iterable[tuple[str, Any]] = [(name, one) for one in value.values()]
    elif isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        parts = [(name, one) for one in value]
    elif hasattr(value, "_asdict"):
        parts = value._asdict().items()
    elif type(value).__module__.startswith("freshet."):
        parts = vars(value).items()
    else:
        return
    for inner, one in parts:
        yield from _within(one, inner, seen)


def _methods(module: str, *names: str) -> set[str]:
    """The methods that are called on what has one of some names: in its own module, or else anywhere."""
    own = {method for name in names for method in _called().get((module, name), ())}
    return own or {method for name in names for method in _called().get(("", name), ())}


@cache
def _called() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for top in TOPS:
        for file in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(_tree(file)):
                if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS | {"finditer"}:
                    of = node.value.func if isinstance(node.value, ast.Call) else node.value
                    name = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
                    for where in (_module(file), ""):
                        found.setdefault((where, name), set()).add(node.attr)
    return found


@cache
def _patterns() -> list[Used]:
    found: dict[tuple[Any, int], Used] = {}

    def add(where: str, pattern: re.Pattern[Any], methods: set[str]) -> None:
        known = found.get((pattern.pattern, pattern.flags))
        both = frozenset(methods) | (known.methods if known else frozenset())
        found[pattern.pattern, pattern.flags] = Used(known.where if known else where, pattern, both)

    for site in _sites():
        pattern = _evaluated(site)
        if pattern is not None and site.function != "compile":
            add(f"{site.module}:{site.line}", pattern, {site.function})
    for module in sorted({site.module for site in _sites()}):
        for name, made in _made(module).items():
            for holder, pattern in made:
                used = _methods(module, holder, name)
                add(f"{module}:{holder}", pattern, used - {"compile"} or {"match", "fullmatch", "finditer"})
    return list(found.values())


def _where(used: Used) -> str:
    return used.where.removeprefix("freshet.")


def test_every_regular_expression_of_the_code_is_read_here() -> None:
    missed = []
    for site in _sites():
        if site.function != "compile" and _evaluated(site) is not None:
            continue
        known = {one.pattern.pattern for one in _patterns()}
        pattern = _evaluated(site)
        made = _made(site.module)
        if (pattern is not None and pattern.pattern in known) or site.scope in made:
            continue
        if MAKERS.get((site.module, site.scope)) in made:
            continue
        missed.append(f"{site.module}:{site.line} in {site.scope}: {ast.unparse(site.call)[:100]}")
    assert missed == []


METHODS: dict[str, Callable[[re.Pattern[Any], Any], object]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "every": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
}


@pytest.mark.parametrize("used", _patterns(), ids=_where)
def test_a_pattern_is_linear_on_a_hundred_kilobytes_of_hostile_text(used: Used) -> None:
    texts = texts_for(used.pattern)
    for name in sorted({one if one in METHODS else "every" for one in used.methods}):
        slow = that_grows_too_fast(lambda text, name=name: METHODS[name](used.pattern, text), texts)
        assert slow is None, f"{name} of {used.pattern.pattern} on {slow}"


def texts_for(pattern: re.Pattern[Any]) -> Mapping[str, Callable[[int], Any]]:
    """Hostile texts, those first that are made after the pattern itself."""
    texts = {**texts_of(pumps(pattern)), **texts_of_pieces()}
    if isinstance(pattern.pattern, str):
        return texts
    return {name: lambda length, of=of: of(length).encode("utf-8", "replace") for name, of in texts.items()}
