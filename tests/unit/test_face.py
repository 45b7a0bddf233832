"""The documented face of the package: it loads nothing before it is used, and its page names all of it."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from typing import Any

import pytest

import freshet
from freshet.integrations import langchain, llamaindex, passages
from tests.conftest import ROOT
from tests.unit.test_layers import HEAVY, LATE

PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
CODE = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))
"""What the page names, the examples left out."""

EVERYWHERE = {"from_dict", "as_dict", "count", "index", "add_note", "with_traceback", "args"}
"""What every value has, or what Python itself gives."""


def _public(kind: type[Any]) -> set[str]:
    """Methods, properties and fields of a class."""
    fields = {one.name for one in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    return {name for name in {*dir(kind), *fields} if not name.startswith("_")} - EVERYWHERE


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_nothing() -> None:
    told = "import freshet, sys; print([name for name in sys.modules if name.startswith('freshet.')])"
    assert _run(told) == "[]\n"


def test_a_client_needs_none_of_the_libraries_that_the_store_needs() -> None:
    names = sorted({*HEAVY, *LATE})
    told = f"from freshet import Client; import sys; print([name for name in {names} if name in sys.modules])"
    assert _run(told) == "[]\n"


def test_every_public_name_can_be_had_and_listed() -> None:
    assert set(freshet.__all__) <= set(dir(freshet))
    assert [name for name in freshet.__all__ if getattr(freshet, name).__name__ != name] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = freshet.nothing


@pytest.mark.parametrize("name", freshet.__all__)
def test_the_page_names_every_public_class_and_what_it_has(name: str) -> None:
    assert re.search(rf"\b{name}\b", CODE), f"docs/python.md does not name {name}"
    kind = getattr(freshet, name)
    missing = [
        one for one in sorted(_public(kind)) if not re.search(rf"\b{one}\b", CODE + PAGE.partition("## Errors")[2])
    ]
    assert missing == [], f"docs/python.md says nothing of these of {name}"
    assert kind.__doc__


def test_errors_are_of_one_family() -> None:
    errors = [kind for name in freshet.__all__ if issubclass(kind := getattr(freshet, name), Exception)]
    assert len(errors) == 14
    assert all(issubclass(kind, freshet.FreshetError) for kind in errors)


@pytest.mark.parametrize("module", [langchain, llamaindex], ids=lambda one: one.__name__.rpartition(".")[2])
def test_an_integration_is_short(module: Any) -> None:
    with open(module.__file__) as file:
        assert len(file.readlines()) < 60


def test_the_page_names_the_metadata_of_a_passage() -> None:
    where = freshet.Document("d", "docs/a.md", "A")
    said = {"page": None, "heading": "A", "chars": [0, 3], "source_version": "v", "verified_at": "2026-11-30T08:00:00Z"}
    hit = freshet.Hit("abc", 1.0, where, freshet.Citation.from_dict(said), False)
    told = passages.metadata_of(freshet.SearchResult("docs", 1, (hit,)), hit)
    section = PAGE.partition("The metadata of a passage:")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", section) == list(told)
    assert passages.READ[0] in told


@pytest.mark.parametrize(("extra", "library"), [("langchain", "langchain_core"), ("llamaindex", "llama_index.core")])
def test_an_integration_without_its_extra_says_what_to_install(extra: str, library: str) -> None:
    program = (
        f"import sys; sys.modules['{library}'] = None\n"
        f"from freshet import MissingExtra\n"
        f"try:\n    import freshet.integrations.{extra}\n"
        f"except MissingExtra as error:\n    print(error.mend)"
    )
    assert _run(program) == f"Type: pip install 'freshet[{extra}]'\n"
