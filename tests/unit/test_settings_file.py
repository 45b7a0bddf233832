"""Reading freshet.yaml: every problem at once, each with its line, in words that a reader knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.file import Problem, find_notes, find_problems, load_project
from tests.unit.problems import only_problem_of, problems_of


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FRESHET_CONFIG", "FRESHET_STORE"):
        monkeypatch.delenv(name, raising=False)
    for folder in ("docs/legal/deep", "docs-other"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def _write(text: str | bytes) -> Path:
    file = Path("freshet.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def _problems(text: str | bytes) -> list[Problem]:
    problems = problems_of(_write(text))
    assert {problem.file for problem in problems} <= {"freshet.yaml"}
    return problems


def _only(text: str | bytes) -> Problem:
    return only_problem_of(_write(text))


def _corpus(source: str = "", corpus: str = "") -> str:
    """A settings file whose source starts on line 4; `source` goes to line 7, `corpus` below it."""
    lines = [
        "corpora:",
        "  handbook:",
        "    sources:",
        "      - folder: docs",
        "        owner: o",
        "        acl: [everyone]",
    ]
    lines += [f"        {line}" for line in source.splitlines()] + [f"    {line}" for line in corpus.splitlines()]
    return "\n".join(lines) + "\n"


SOURCE = "corpora.handbook.sources[0]"


@pytest.mark.parametrize(
    ("source", "where", "what", "mend"),
    [
        ("ower: x", "ower", "unknown key ower", "did you mean owner?"),
        ("maxsize: 1GB", "maxsize", "unknown key maxsize", "did you mean max_size?"),
        ("license: MIT", "license", "unknown key license", "did you mean licence?"),
        ("zzz: x", "zzz", "unknown key zzz", "valid keys here: name, owner, acl"),
        ("ref: main", "ref", "unknown key ref", "folder"),
        (
            "uses: [retrieval, traning]",
            "uses[1]",
            "traning is not one of retrieval, training",
            "did you mean training?",
        ),
        ("uses: retrieval", "uses", "retrieval is not a list", "[retrieval]"),
        ("uses: []", "uses", "uses is empty", "a list with at least one item"),
        ("freshness: {warn_after: 180}", "freshness.warn_after", "180 is not a duration", "180d"),
        ("freshness: {warn_after: 9x}", "freshness.warn_after", "9x is not a duration", "180d"),
        ("freshness: {warn_after: 1:30}", "freshness.warn_after", "1:30 is not a duration", "180d"),
        ("freshness: 180d", "freshness", "180d is not a group of keys", "warn_after, block_after"),
        (
            "freshness: {warn_after: 2d, block_after: 1d}",
            "freshness.block_after",
            "not longer than warn_after",
            "longer",
        ),
        ("freshness: {warn_afer: 2d}", "freshness.warn_afer", "unknown key warn_afer", "did you mean warn_after?"),
        ("max_size: lots", "max_size", "lots is not a size", "100MB"),
        ("max_size: yes", "max_size", "yes is not a size", "100MB"),
        ("licence:", "licence", "licence has no value", "remove the line"),
        ("licence: no", "licence", "no is not text", '"no" in quotes'),
        ("licence: 2024-02-30", "licence", "2024-02-30 looks like a number or a date", "quotes"),
        ("licence: {a: b}", "licence", "licence is a group of keys, not text", "quotes"),
        ("include: ['[']", "include[0]", "[ is not a glob", ".gitignore"),
        ("exclude: ['!a']", "exclude", "exclude is a list", "without ! before it"),
        ("exclude: [1]", "exclude[0]", "1 is not a glob", '"1" in quotes'),
        ("access: [{path: '!a', acl: [user:a]}]", "access[0].path", "!a is not a glob", "without the leading !"),
        ("access: [{path: a}]", "access[0].acl", "the key acl is missing", "acl: [everyone]"),
        (
            "access: [{path: a, acl: [ada]}]",
            "access[0].acl[0]",
            "ada is not a principal",
            "did you mean user:ada or group:ada?",
        ),
        ("access: [{path: a, acl: [all]}]", "access[0].acl[0]", "all is not a principal", "did you mean everyone?"),
        (
            "access: [{path: a, acl: [user: ada]}]",
            "access[0].acl[0]",
            "a group of keys",
            "remove the space after the colon",
        ),
        ("access: {path: a, acl: [user:a]}", "access", "access is a group of keys, not a list", "hyphen"),
        (
            "access: [{path: a, acl: {all: [[group:a, bob]]}}]",
            "access[0].acl.all[0][1]",
            "bob is not a principal",
            "did you mean user:bob or group:bob?",
        ),
    ],
)
def test_a_mistake_in_a_source_is_told_at_its_line(source: str, where: str, what: str, mend: str) -> None:
    problem = _only(_corpus(source))
    assert (problem.line, problem.where) == (7, f"{SOURCE}.{where}")
    assert what in problem.what
    assert mend in problem.mend


LIST = "a list with at least one item"
WRONG_LISTS = [
    ("everyone", "", f"everyone is not {LIST}", "write a list: [everyone]"),
    ("5", "", f"5 is not {LIST}", "write a list"),
    ("", "", "has no value", LIST),
    ("[]", "", "is empty", LIST),
    ("[ada]", "[0]", "ada is not a principal", "did you mean user:ada or group:ada?"),
    ("{}", ".all", "the key all is missing", "add all: [[everyone]]"),
    ("{none: [user:eve]}", ".all", "the key all is missing", "add all: [[everyone]]"),
    ("{any: [group:a]}", ".any", "unknown key any", "valid keys here: all, none; a list, one of which is enough"),
    ("{all: [[group:a]], nine: [user:a]}", ".nine", "unknown key nine", "did you mean none?"),
    ("{any of: [group:a]}", ".any of", "unknown key any of", "valid keys here: all, none"),
    ("{all and none: x}", ".all and none", "unknown key all and none", "valid keys here: all, none"),
    ("{group:a}", ".group:a", "unknown key group:a", "needs no key"),
    ("{all: everyone}", ".all", f"everyone is not {LIST}", "write a list of lists: [[everyone]]"),
    ("{all: }", ".all", "all has no value", LIST),
    ("{all: []}", ".all", "all is empty", LIST),
    ("{all: {a: b}}", ".all", f"all is a group of keys, not {LIST}", "hyphen"),
    ("{all: [[]]}", ".all[0]", "all[0] is empty", LIST),
    ("{all: [[group:a], group:b]}", ".all[1]", f"group:b is not {LIST}", "write a list: [group:b]"),
    ("{all: [group:a]}", ".all", "all is a list of principals, not of lists", "write [[group:a]]"),
    (
        "{all: [group:a, user:b]}",
        ".all",
        "all is a list of principals, not of lists",
        "write [[group:a, user:b]] if one of them is enough, [[group:a], [user:b]] if all are needed",
    ),
    ("{all: [[group:a], [group:b, all]]}", ".all[1][1]", "all is not a principal", "did you mean everyone?"),
    ('{all: [["group:a b"]]}', ".all[0][0]", "group:a b is not a principal", "without spaces"),
    ('{all: [["group:a\\tb"]]}', ".all[0][0]", "group:a\\tb is not a principal", "without spaces"),
    ("{all: [[group: a]]}", ".all[0][0]", "all[0][0] is a group of keys", "remove the space after the colon"),
    ("{all: [[group:a]], none: user:b}", ".none", "user:b is not a list", "write a list: [user:b]"),
    ("{all: [[group:a]], none: }", ".none", "none has no value", "or remove the line"),
    ("{all: [[group:a]], none: [eve]}", ".none[0]", "eve is not a principal", "user:eve or group:eve"),
    ("{all: [[group:a]], none: [[user:eve]]}", ".none[0]", "none[0] is a list, not a principal", "user:NAME"),
]


@pytest.mark.parametrize(("acl", "where", "what", "mend"), WRONG_LISTS)
def test_a_mistake_in_an_access_list_is_told_once_and_at_its_line(acl: str, where: str, what: str, mend: str) -> None:
    texts = {
        f"{SOURCE}.acl": _corpus().replace("acl: [everyone]", f"acl: {acl}"),
        f"{SOURCE}.access[0].acl": _corpus(f"access:\n- path: a\n  acl: {acl}"),
        "datasets.d.inputs[0].acl": DATASET.format(acl=acl, audience="[everyone]"),
        "datasets.d.audience": DATASET.format(acl="[everyone]", audience=acl),
    }
    Path("rows.jsonl").write_text("")
    for place, text in texts.items():
        problem = _only(text)
        (line,) = [
            number
            for number, one in enumerate(text.splitlines(), 1)
            if one.endswith(f"acl: {acl}" if "acl" in place else f"audience: {acl}")
        ]
        assert (problem.line, problem.where) == (line, place + where)
        assert what in problem.what
        assert mend in problem.mend


DATASET = """\
datasets:
  d:
    format: prompt_completion
    audience: {audience}
    inputs:
      - rows: rows.jsonl
        owner: o
        licence: MIT
        uses: [training]
        acl: {acl}
"""


@pytest.mark.parametrize(
    "acl", ["[group:a, user:b]", "{all: [[group:a, user:b], [group:c]]}", "{all: [[everyone]], none: [user:eve]}"]
)
def test_who_may_read_is_a_list_or_lists_with_exceptions(acl: str) -> None:
    Path("rows.jsonl").write_text("")
    settings = load_project(
        _write(_corpus().replace("[everyone]", acl) + DATASET.format(acl=acl, audience=acl))
    ).settings
    dataset = settings.datasets["d"]
    source_acl = settings.corpora["handbook"].sources[0].acl
    assert type(source_acl) is (AccessExpression if acl.startswith("{") else list)
    assert source_acl == dataset.audience == dataset.inputs[0].acl


@pytest.mark.parametrize(
    ("corpus", "where", "what", "mend"),
    [
        ("chunking: {max_tokens: 5}", "chunking.max_tokens", "5 is not a whole number from 16 to 8192", "16 to 8192"),
        ("chunking: {max_tokens: many}", "chunking.max_tokens", "many is not a whole number", "16 to 8192"),
        ("chunking: {max_tokens: 99.5}", "chunking.max_tokens", "99.5 is not a whole number", "16 to 8192"),
        ("chunking: {max_tokens: .inf}", "chunking.max_tokens", ".inf is not a whole number", "16 to 8192"),
        ("chunking: {max_tokens: 100, overlap_tokens: 50}", "chunking.overlap_tokens", "less than half", "at most 49"),
        ("chunking:", "chunking", "chunking has no value", "max_tokens, overlap_tokens"),
        ("parsing: {workers: yes}", "parsing.workers", "yes is not a whole number", "from 1 to 64"),
        ("parsing: {timeout: 5}", "parsing.timeout", "5 is not a duration", "like 180d"),
        ("zzz: x", "zzz", "unknown key zzz", "valid keys here: sources, chunking, parsing"),
        ("golden: x", "golden", "the file x does not exist", "relative paths start at the settings file"),
        ("gate: {max_drop: 2}", "gate.max_drop", "2 is not a number from 0 to 1", "0 to 1"),
        ("external_links: maybe", "external_links", "maybe is not yes or no", "write yes or no"),
        ("source: x", "source", "unknown key source", "did you mean sources?"),
        ("chunk: {}", "chunk", "unknown key chunk", "did you mean chunking?"),
    ],
)
def test_a_mistake_in_a_corpus_is_told_at_its_line(corpus: str, where: str, what: str, mend: str) -> None:
    problem = _only(_corpus(corpus=corpus))
    assert (problem.line, problem.where) == (7, f"corpora.handbook.{where}")
    assert what in problem.what
    assert mend in problem.mend


@pytest.mark.parametrize(
    ("text", "line", "where", "what", "mend"),
    [
        ("", 1, "", "the file is empty", "example"),
        ("# nothing\n", 1, "", "the file is empty", "example"),
        ("- a\n- b\n", 1, "", "the file holds a list", "corpora:"),
        ("hello\n", 1, "", "the file holds text", "corpora:"),
        ("~\n", 1, "", "the file holds nothing", "corpora:"),
        ("store: x\n\tembedding: y\n", 2, "", "tab", "spaces"),
        ("store: x\nstore: y\n", 2, "store", "the key store is there twice, first on line 1", "remove"),
        ("store: x\nembedding: {model: [}\n", 2, "", "not valid YAML", "brackets"),
        ("store: x\n\nembedding: 'open\n", 4, "", "not valid YAML", "quotes"),
        ("store: @x\n", 1, "", "a character that YAML keeps for itself", "quotes"),
        ("store: *nowhere\n", 1, "", "undefined alias", "anchor"),
        ("store: x\n---\nstore: y\n", 2, "", "more than one YAML document", "---"),
        (b"store: x\nembedding: \xff\n", 2, "", "not UTF-8", "UTF-8"),
        ("store: x\n".encode("utf-16"), 1, "", "not UTF-8", "UTF-8"),
        (b"store: x\n\x00\x01\x02", 2, "", "control character (U+0000)", "plain text"),
        ("store: !!python/object/apply:os.system ['x']\n", 1, "store", "tag", "without a tag"),
        ("store: !!int x\n", 1, "store", "looks like a number", "quotes"),
        ("? [a]\n: b\n", 1, "", "where a key should", "plain name"),
        ("no: x\n", 1, "", "the key no is read by YAML as something other than text", '"no"'),
        ("<<: 5\n", 1, "", "<< merges groups of keys only", "anchor"),
        ("stor: x\n", 1, "stor", "unknown key stor", "did you mean store?"),
        ("store: 5\n", 1, "store", "5 is not text", '"5" in quotes'),
        ("store: ''\n", 1, "store", "store is empty", "text"),
        ("task_runner: thread\n", 1, "task_runner", "thread is not one of threads", "did you mean threads?"),
        ("embedding: {precision: no}\n", 1, "embedding.precision", "no is not one of auto", "auto, fp32"),
        ("embedding:\n  model: ./nowhere\n", 2, "embedding.model", "./nowhere does not exist", "looked for"),
        ("corpora: []\n", 1, "corpora", "corpora is empty", "group of keys"),
        (
            "corpora:\n  Hand Book: {sources: [{git: x://y, owner: o, acl: [user:a]}]}\n",
            2,
            "corpora.Hand Book",
            "no name of a corpus",
            "lower-case",
        ),
        ("corpora:\n  a: {}\n", 2, "corpora.a.sources", "the key sources is missing", "add sources"),
        ("corpora:\n  a: {sources: []}\n", 2, "corpora.a.sources", "sources is empty", "at least one"),
        (
            "corpora:\n  a:\n    sources:\n    - text\n",
            4,
            "corpora.a.sources[0]",
            "text is not a group of keys",
            "keys below it",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_at_its_line(
    text: str | bytes, line: int | None, where: str, what: str, mend: str
) -> None:
    problem = _only(text)
    assert (problem.line, problem.where) == (line, where)
    assert what in problem.what
    assert mend in problem.mend


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
stores: x
task_runner: rya
corpora:
  handbook:
    sources:
      - owner: o
        acl: everyone
      - folder: docs
        git: https://example.org/x.git
        owner: o
        acl: [user:a]
      - foldr: docs
        owner: o
        owner: p
        acl: [user:a]
      - folder: missing
        acl: ["${NOT_SET_ANYWHERE}"]
    chunking: {overlap_tokens: 200}
"""
    found = [
        (problem.line, problem.where.removeprefix("corpora.handbook."), problem.what) for problem in _problems(text)
    ]
    assert found == [
        (1, "stores", "unknown key stores"),
        (2, "task_runner", "rya is not one of threads, processes, ray"),
        (6, "sources[0]", "a source needs one of folder, git, this one has none"),
        (7, "sources[0].acl", "everyone is not a list with at least one item"),
        (8, "sources[1]", "a source has one of folder and git, this one has both"),
        (12, "sources[2].foldr", "unknown key foldr"),
        (14, "sources[2].owner", "the key owner is there twice, first on line 13"),
        (16, "sources[3].owner", "the key owner is missing"),
        (17, "sources[3].acl[0]", "the environment variable NOT_SET_ANYWHERE is not set"),
        (18, "chunking.overlap_tokens", "overlap_tokens (200) is not less than half of max_tokens (256)"),
    ]


TWO = """\
corpora:
  c:
    sources:
      - {{owner: o, acl: [everyone], {first}}}
      - {{owner: o, acl: [everyone], {second}}}
"""


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ("folder: docs, name: a", "folder: docs/legal", "both take paths like legal/"),
        ("folder: docs/legal", "folder: docs/, name: b", "both take paths like legal/"),
        ("folder: docs, name: a", "folder: ./docs", "both take paths like document"),
        (
            "folder: docs, name: a, include: ['*.md']",
            "folder: docs/legal, include: ['deep/**']",
            "like legal/deep/document.md",
        ),
        ("folder: docs, name: a, exclude: ['legal/deep/']", "folder: docs/legal", "both take paths like legal/"),
        ("git: 'https://e.org/x.git', name: a", "git: 'https://e.org/x.git'", "both take paths like"),
        ("folder: 's3://b/docs', name: a", "folder: 's3://b/docs/legal'", "both take paths like legal/"),
        (
            "folder: docs, name: a",
            "folder: docs-other, name: a",
            "two sources of the corpus are called a (sources[0], line 4)",
        ),
        ("folder: docs-other", "folder: docs, name: docs-other", "two sources of the corpus are called docs-other"),
    ],
)
def test_sources_that_would_list_a_file_twice_or_share_a_name(first: str, second: str, what: str) -> None:
    problem = _only(TWO.format(first=first, second=second))
    assert problem.line == 5
    assert what in problem.what


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("folder: docs", "folder: docs-other"),
        ("folder: docs, exclude: ['legal/']", "folder: docs/legal"),
        ("folder: docs, exclude: ['legal/**']", "folder: docs/legal"),
        ("folder: docs, name: a, include: ['*.md']", "folder: docs, name: b, include: ['*.pdf']"),
        ("folder: docs, name: a, include: ['legal/**']", "folder: docs, name: b, exclude: ['legal/**']"),
        ("git: 'https://e.org/x.git', name: a", "git: 'https://e.org/x.git', name: b, ref: other"),
        ("folder: 's3://b/docs'", "folder: 's3://b/docs-other'"),
    ],
)
def test_sources_that_are_kept_apart_are_no_problem(first: str, second: str) -> None:
    assert _problems(TWO.format(first=first, second=second)) == []


def test_a_local_folder_or_repository_must_exist_and_is_told_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    problem = _only(_corpus().replace("docs", "nowhere"))
    assert (problem.line, problem.where) == (4, f"{SOURCE}.folder")
    assert "nowhere does not exist" in problem.what
    assert str(tmp_path / "nowhere") in problem.mend
    assert "is a file" in _only(_corpus().replace("docs", "file")).what
    assert "the repository ./x does not exist" in _only(_corpus().replace("folder: docs", "git: ./x")).what


@pytest.mark.parametrize(
    "address", ["s3://bucket/x", "memory://x", "git@example.org:x.git", "https://example.org/x.git"]
)
def test_a_remote_address_is_not_looked_for(address: str) -> None:
    assert _problems(_corpus().replace("folder: docs", f"git: {address}")) == []


def test_a_store_within_a_source_is_a_problem_unless_it_is_excluded() -> None:
    inside = _corpus().replace("folder: docs", "folder: .")
    assert "the store lies inside this folder" in _only(inside).what
    assert _problems(inside + "        exclude: [.freshet/]\n") == []
    assert _problems("store: s3://bucket/x\n" + inside) == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("store: x\n", 1, "there are no corpora"),
        (_corpus(corpus="chunking: {max_tokens: 512}"), 7, "the bundled model reads 256 tokens"),
        (_corpus("access: [{path: a, acl: [everyone, user:a]}]"), 7, "the other principals change nothing"),
        (_corpus("access: [{path: '**', acl: [user:a]}, {path: a, acl: [user:b]}]"), 7, "this rule never applies"),
        (_corpus().replace("[everyone]", "{all: [[everyone], [user:a, everyone]]}"), 6, "everyone is in this list"),
        (
            _corpus().replace("[everyone]", "{all: [[user:a]], none: [everyone]}"),
            6,
            "none names everyone, so that nobody",
        ),
        (
            _corpus().replace("[everyone]", "{all: [[user:a], [user:b, group:c]], none: [group:c, user:b]}"),
            6,
            "none names all of this list, so that nobody",
        ),
        (_corpus("access: [{path: 'b/**', acl: [user:a]}]"), 7, "this rule matches nothing that the source holds now"),
        (_corpus().replace("folder: docs", "git: https://u:pw@e.org/x"), 4, "a credential stands in the settings file"),
        (_corpus().replace("folder: docs", "folder: ${X:-docs}"), 4, "the address differs with the environment"),
        ("embedding: {model: bundeld}\n" + _corpus(), 1, "bundeld is taken for the name of a model"),
    ],
)
def test_what_is_allowed_but_hardly_meant_is_a_note_and_no_problem(text: str, line: int, what: str) -> None:
    Path("docs/a").write_text("")
    assert _problems(text) == []
    (note,) = find_notes(Path("freshet.yaml"))
    assert note.line == line
    assert what in note.what
    assert note.mend


def test_an_ordinary_file_has_no_notes() -> None:
    assert _problems(_corpus()) == []
    assert find_notes(Path("freshet.yaml")) == []
    assert _problems(_corpus().replace("[everyone]", "{all: [[group:a], [user:b, group:c]], none: [user:b]}")) == []
    assert find_notes(Path("freshet.yaml")) == []


def _unmatched(source: str) -> list[Problem]:
    notes = find_notes(_write(_corpus(source)))
    never = "this rule never applies now: earlier ones take all that it matches"
    unmatched = [note for note in notes if note.what != never]
    assert all(note.what == "this rule matches nothing that the source holds now" for note in unmatched)
    return unmatched


def test_check_notes_each_access_rule_that_matches_no_file_of_the_folder() -> None:
    for name in ("legal/deep/a.md", "legal/b.md", "c.txt"):
        Path("docs", name).write_text("")
    rules = ["legal/**", "*.md", "/c.txt", "deep/", "legal", "b.md", "lega/**", "/deep/", "*.pdf"]
    notes = _unmatched("access:\n" + "".join(f"- {{path: '{rule}', acl: [user:a]}}\n" for rule in rules))
    assert [(note.line, note.where) for note in notes] == [
        (14, f"{SOURCE}.access[6].path"),
        (15, f"{SOURCE}.access[7].path"),
        (16, f"{SOURCE}.access[8].path"),
    ]
    assert "start at the source" in notes[0].mend


def test_check_notes_a_rule_whose_files_earlier_rules_take() -> None:
    Path("docs/legal/sub").mkdir(parents=True, exist_ok=True)
    for name in ("legal/a.md", "legal/sub/b.md", "c.md"):
        Path("docs", name).write_text("")
    paths = ["legal/**", "legal/sub/**", "*.md", "legal/**"]
    notes = find_notes(
        _write(_corpus("access:\n" + "".join(f"- {{path: '{path}', acl: [user:a]}}\n" for path in paths)))
    )
    assert {(note.where, note.what.split(":")[0]) for note in notes} == {
        (f"{SOURCE}.access[1].path", "this rule never applies now"),
        (f"{SOURCE}.access[3].path", "this rule never applies"),
    }


def test_a_rule_that_differs_in_the_case_of_letters_only_is_told_so() -> None:
    Path("docs/legal/A.md").write_text("")
    (note,) = _unmatched("access: [{path: Legal/**, acl: [user:a]}]")
    assert note.mend == "legal/A.md differs in the case of letters only, which counts"


def test_a_rule_is_compared_with_the_files_that_the_source_takes() -> None:
    Path("docs/legal/a.md").write_text("")
    Path("docs/.git").mkdir()
    Path("docs/.git/config").write_text("")
    rule = "access: [{path: legal/**, acl: [user:a]}]\n"
    assert _unmatched(rule + "include: ['*.md']\nexclude: ['*.tmp']") == []
    assert len(_unmatched(rule + "include: ['*.pdf']")) == 1
    assert len(_unmatched(rule + "exclude: ['legal/']")) == 1
    assert _unmatched(rule + "exclude: ['legal/*', '!legal/a.md']") == []
    assert len(_unmatched("access: [{path: config, acl: [user:a]}]")) == 1


def test_rules_and_paths_are_compared_in_nfc() -> None:
    Path("docs/Zoe\u0301").mkdir()
    Path("docs/Zoe\u0301/e\u0301\n.md").write_text("")
    rules = ["Zo\u00e9/**", "Zoe\u0301/e\u0301*.md"]
    assert _unmatched("access:\n" + "".join(f"- {{path: '{rule}', acl: [user:a]}}\n" for rule in rules)) == []


def test_nothing_is_said_of_rules_where_not_every_file_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        Path("docs", name).write_text("")
    rule = "access: [{path: nowhere, acl: [user:a]}]"
    assert len(_unmatched(rule)) == 1
    monkeypatch.setattr("freshet.tasks.settings.access_checks.MOST_FILES", 2)
    assert _unmatched(rule) == []
    remote = _corpus(rule).replace("folder: docs", "folder: s3://bucket/x")
    assert find_notes(_write(remote)) == find_notes(_write(remote.replace("folder", "git"))) == []
    assert find_notes(_write(_corpus(rule).replace("docs", "gone"))) == []


def test_nothing_is_said_of_rules_where_a_folder_cannot_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refused(folder: str) -> object:
        if folder.endswith("legal"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refused)
    assert _unmatched("access: [{path: nowhere, acl: [user:a]}]") == []


def test_only_check_lists_the_folders_of_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    file = _write(_corpus("access: [{path: nowhere, acl: [user:a]}]"))

    def walk(*_: object, **__: object) -> None:
        raise AssertionError("a folder was listed")

    monkeypatch.setattr("freshet.tasks.settings.access_checks.os.walk", walk)
    load_project(file)
    with pytest.raises(AssertionError):
        find_notes(file)


def test_variables_are_replaced_and_their_values_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("EMPTY", "")
    file = _write(_corpus("name: ${SECRET}-${EMPTY:-x}-$${SECRET}\nlicence: ${NOWHERE:-CC0-1.0}"))
    source = load_project(file).settings.corpora["handbook"].sources[0]
    assert (source.name, source.licence) == ("hunter2-x-${SECRET}", "CC0-1.0")
    wrong = "max_size: ${SECRET}\nuses: ['${SECRET}']\naccess: [{path: '!${SECRET}', acl: ['${SECRET}']}]\n"
    wrong += "freshness: {warn_after: '${SECRET}'}"
    text = _corpus(wrong).replace("folder: docs", "folder: ${SECRET}") + "embedding: {model: './${SECRET}'}\n"
    problems = _problems(text)
    assert len(problems) == 6
    assert "hunter2" not in "".join(map(str, [*problems, *find_notes(file)]))
    assert "${SECRET} is not a size" in "".join(map(str, problems))


def test_a_variable_that_is_malformed_is_told() -> None:
    problem = _only(_corpus("name: ${1x}"))
    assert problem.line == 7
    assert "${NAME:-default}" in problem.mend


def test_a_variable_in_brackets_without_quotes_is_told_to_be_quoted() -> None:
    assert '["${NAME}"]' in _only(_corpus("uses: [${X}]")).mend


@pytest.mark.parametrize(
    "url",
    ["https://u:hunter2@e.org/x", "https://hunter2@e.org/x", "s3://a:hunter2@b/c", "https://e.org/x?token=hunter2"],
)
def test_credentials_in_a_url_are_masked_wherever_the_url_shows(url: str) -> None:
    texts = [
        _corpus(f"max_size: {url}\nuses: ['{url}']\n'{url}': x"),
        TWO.format(first=f"git: '{url}'", second=f"git: '{url}'"),
        f"store: ['{url}']\ntask_runner: '{url}'\n",
    ]
    for text in texts:
        shown = "".join(map(str, [*_problems(text), *find_notes(Path("freshet.yaml"))]))
        assert "***" in shown
        assert "hunter2" not in shown


def test_the_environment_overrides_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = _write("store: ${UNSET_HERE}\n")
    monkeypatch.setenv("FRESHET_STORE", "s3://bucket/production")
    (problem,) = find_problems(file)
    assert "UNSET_HERE" in problem.what
    file = _write("store: ./here\n")
    assert load_project(file).store == "s3://bucket/production"
    monkeypatch.setenv("FRESHET_STORE", "other")
    assert load_project(file).store == str(tmp_path / "other")
    monkeypatch.setenv("FRESHET_STORE", "")
    assert load_project(file).store == str(tmp_path / "here")


def test_the_file_is_named_or_in_the_environment_or_in_the_nearest_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _write("store: outer\n")
    Path("docs/freshet.yaml").write_text("store: inner\n")
    Path("other.yaml").write_text("store: named\n")
    monkeypatch.chdir("docs/legal/deep")
    assert load_project().file == tmp_path / "docs" / "freshet.yaml"
    assert load_project().store == str(tmp_path / "docs" / "inner")
    monkeypatch.setenv("FRESHET_CONFIG", str(tmp_path / "other.yaml"))
    assert load_project().settings.store == "named"
    assert load_project(tmp_path / "freshet.yaml").root == tmp_path
    monkeypatch.setenv("FRESHET_CONFIG", "gone.yaml")
    with pytest.raises(SettingsError, match=r"gone\.yaml: the file does not exist"):
        load_project()


def test_without_a_file_the_message_says_where_it_was_looked_for(tmp_path: Path) -> None:
    if any((folder / "freshet.yaml").exists() for folder in tmp_path.parents):
        pytest.skip("a folder above the temporary one has a freshet.yaml")
    with pytest.raises(SettingsError, match=f"no freshet.yaml in {tmp_path}"):
        load_project()


def test_a_folder_or_an_unreadable_name_is_no_settings_file() -> None:
    for name, what in (
        ("docs", "this is a folder"),
        ("x\0y", "cannot be read"),
        ("a" * 5000, "cannot be read"),
        ("~nobody-such/x", "does not exist"),
    ):
        (problem,) = find_problems(Path(name))
        assert what in problem.what
        assert problem.line is None
        assert find_notes(Path(name)) == []


def test_paths_start_at_the_file_and_urls_stay(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    project = load_project(_write("embedding: {model: model}\n"))
    assert project.model == str(tmp_path / "model")
    assert project.resolve("docs/../docs") == str(tmp_path / "docs/../docs")
    assert project.resolve("/abs") == "/abs"
    assert project.resolve("s3://b/x") == "s3://b/x"
    assert load_project(_write("embedding: {model: org/name}\n")).model == "org/name"


def test_anchors_and_merges_are_read_with_their_own_lines() -> None:
    text = """\
corpora:
  a:
    sources:
      - &one {folder: docs, owner: o, acl: [everyone], licence: 5}
  b:
    sources:
      - <<: *one
        folder: docs-other
        licence: MIT
        uses: [nothing]
"""
    found = [(problem.line, problem.where) for problem in _problems(text)]
    assert found == [(4, "corpora.a.sources[0].licence"), (10, "corpora.b.sources[0].uses[0]")]
    project = load_project(_write(text.replace("licence: 5", "licence: A").replace("nothing", "training")))
    assert project.settings.corpora["b"].sources[0].licence == "MIT"
    assert project.settings.corpora["b"].sources[0].owner == "o"


BOMB = "a: &a0 [x, x]\n" + "".join(f"b{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
CHAIN = "x0: &x0 {a: b}\n" + "".join(f"x{i}: &x{i} {{<<: *x{i - 1}}}\n" for i in range(1, 3000))


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        CHAIN,
        "a: &a [*a, *a]\n",
        "a: &a {<<: *a}\n",
        "a: &a {b: *a}\n",
        "[" * 5000,
        "{a: " * 5000,
        "- " * 5000,
        "x: [" + "y, " * 60_000 + "]\n",
        "store: " + "x" * 1_000_001,
        "store: " + "9" * 5000,
        "store: '" + "\\" * 5000,
    ],
)
def test_a_file_made_to_exhaust_the_reader_is_refused(text: str) -> None:
    assert find_problems(_write(text))


FRAGMENTS = st.sampled_from(
    [
        "store",
        "embedding",
        "corpora",
        "sources",
        "folder",
        "git",
        "acl",
        "access",
        "path",
        "uses",
        "everyone",
        "user:a",
        "<<",
        "*a",
        "&a ",
        "!!int ",
        "!!binary ",
        "!!set ",
        ":",
        ": ",
        "- ",
        "? ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|",
        ">",
        "#",
        "\t",
        "${X}",
        "${X:-y}",
        "${",
        "$${",
        "180d",
        "5",
        "1.5",
        "yes",
        "null",
        "2024-13-01",
        "1:30",
        "0x",
        "~",
        "---",
        "...",
        "%YAML 1.1",
        "\\",
        '"\\ud800"',
        '"\\0"',
        "é",
        "\u2028",
    ]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | FRAGMENTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FRAGMENTS | st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


def _loads_or_says_why(text: str | bytes) -> None:
    file = _write(text)
    problems, notes = find_problems(file), find_notes(file)
    "".join(map(str, [*problems, *notes])).encode()
    if not problems:
        load_project(file)
        return
    with pytest.raises(SettingsError, match=r"freshet\.yaml has"):
        load_project(file)


FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(st.lists(FRAGMENTS, max_size=30).map("".join))
@example('store: "\\ud800"\n')
@example("!!timestamp x: y\n!!bool z: =\n")
@example("a: !!timestamp x\nb: =\nc: !!float x\nd: !!null x\n")
@example('corpora: {"\\ud800": {sources: [{folder: "\\0", owner: "\\ud800", acl: ["user:\\ud800"]}]}}')
def test_whatever_the_text_nothing_but_a_settings_error_comes_out(text: str) -> None:
    _loads_or_says_why(text)


@FUZZ
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_bytes_nothing_but_a_settings_error_comes_out(raw: bytes) -> None:
    _loads_or_says_why(raw)


@FUZZ
@given(
    PLAIN,
    st.sampled_from(
        [
            "store",
            "embedding",
            "corpora",
            "handbook",
            "sources",
            "source",
            "acl",
            "access",
            "chunking",
            "include",
            "freshness",
        ]
    ),
)
def test_whatever_stands_at_a_key_nothing_but_a_settings_error_comes_out(value: object, at: str) -> None:
    import yaml

    source = {"folder": "docs", "owner": "o", "acl": ["everyone"]}
    corpus: dict[str, object] = {"sources": [source], "chunking": {}}
    data: dict[str, object] = {"corpora": {"handbook": corpus}}
    if at in ("store", "embedding", "corpora"):
        data[at] = value
    elif at == "handbook":
        data["corpora"] = {"handbook": value}
    elif at == "source":
        corpus["sources"] = [value, source]
    elif at in ("sources", "chunking"):
        corpus[at] = value
    else:
        source[at] = value  # type: ignore[assignment]
    _loads_or_says_why(yaml.safe_dump(data, allow_unicode=True))


def test_loading_loads_no_heavy_library() -> None:
    file = _write(_corpus("include: ['*.md']\nexclude: ['drafts/']"))
    heavy = ("prefect", "torch", "lancedb", "pyarrow", "pandas", "numpy", "jsonschema", "unstructured")
    code = (
        "import sys\nfrom pathlib import Path\nfrom freshet.tasks.settings.file import load_project\n"
        f"load_project(Path({str(file.absolute())!r}))\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_long_file_is_loaded_whole() -> None:
    one = "".join(f"      - {{git: 'https://e.org/{i}.git', owner: o, acl: [everyone]}}\n" for i in range(10))
    file = _write("corpora:\n" + "".join(f"  c{i}:\n    sources:\n{one}" for i in range(50)))
    corpora = load_project(file).settings.corpora
    assert (len(corpora), sum(len(corpus.sources) for corpus in corpora.values())) == (50, 500)
