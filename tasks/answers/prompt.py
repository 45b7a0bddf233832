"""The prompt: a template that says how a language model is asked, filled with what is asked and what answers.

A template is Jinja2 without loops, calls and arithmetic: it can neither reach Python nor take long. Whoever writes one
says how the model is asked; Freshet itself writes the sources and their delimiters, which no template can forget.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from freshet.tasks.answers.answer import Passage
from freshet.tasks.answers.keys import fresh_nonce
from freshet.tasks.answers.models.model import Message
from freshet.tasks.answers.sources import neutral, source_text
from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.secret_key import need_key
from freshet.tasks.settings.addresses import shown

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

NO_ANSWER = "NO ANSWER"
"""What a model is asked to write, alone, if the sources do not answer."""

DEFAULT = Path(__file__).with_name("answer.md.j2")

_VERSION = "1"
"""Of what Freshet itself adds to a template, the shape of the sources: a change of it makes another prompt."""

_VARIABLES = ("sources", "question", "no_answer")
_BLOCKS = ("system", "user")
_FILTERS = ("trim", "lower", "upper", "length", "wordcount")
_ALLOWED = (
    nodes.Template, nodes.Block, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or, nodes.Filter,
)  # fmt: skip
_LARGEST_FILE = 64_000
_LONGEST = 10_000_000
"""Characters of a rendered prompt, more than the longest context has room for."""

_THERE_ARE = f"the variables are {', '.join(_VARIABLES)}; the template's parts are the blocks {' and '.join(_BLOCKS)}"


@dataclass(frozen=True)
class Prompt:
    """A template that can be used.

    Attributes:
        template: its text.
        name: its file, as the settings name it, for messages.
        secret: what keys and delimiters are drawn from.
    """

    template: str
    name: str
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """What tells this prompt from others: 16 hex digits of the template and of what Freshet adds to it."""
        return sha256(f"{_VERSION}\n{NO_ANSWER}\n{self.template}".encode()).hexdigest()[:16]

    def messages(self, question: str, passages: Sequence[Passage]) -> list[Message]:
        """The conversation that asks a question of passages.

        Raises:
            SettingsError: the template is not one, or what it gives is too long.
        """
        texts = [question, *(passage.context for passage in passages)]
        nonce = fresh_nonce(texts, self.secret)
        variables = {
            "sources": "".join(source_text(passage, nonce) for passage in passages).rstrip("\n"),
            "question": neutral(question).strip(),
            "no_answer": NO_ANSWER,
        }
        compiled = _compiled(self.template, self.name)
        system, user = ("".join(self._rendered(compiled, block, variables)).strip() for block in _BLOCKS)
        asked: list[Message] = [{"role": "user", "content": user}]
        return [{"role": "system", "content": system}, *asked] if system else asked

    def _rendered(self, compiled: Template, block: str, variables: dict[str, str]) -> Iterator[str]:
        size = 0
        for piece in compiled.blocks[block](compiled.new_context(dict(variables))):
            size += len(piece)
            if size > _LONGEST:
                raise _refused(self.name, None, f"the block {block} gives more than {_LONGEST:,} characters")
            yield piece


def load_prompt(project: Project) -> Prompt:
    """The prompt that the settings name, or the one that comes with Freshet.

    Raises:
        SettingsError: the template cannot be read, or is not one; the message names its line.
    """
    named = project.settings.generation.prompt
    name = shown(named or DEFAULT.name)
    text = _read(Path(project.resolve(named)) if named else DEFAULT, name)
    try:
        secret = need_key(project.root).hash("prompt", "").encode()
    except (SettingsError, OSError):
        secret = secrets.token_bytes(32)  # without a key the same question gives another prompt each time
    prompt = Prompt(text, name, secret)
    _compiled(prompt.template, prompt.name)
    return prompt


def _read(file: Path, name: str) -> str:
    try:
        if file.exists() and not file.is_file():
            raise SettingsError(f"{name} is no file", "name a template in generation.prompt")
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST_FILE + 1)
        if len(raw) > _LARGEST_FILE:
            raise SettingsError(f"{name} has more than {_LARGEST_FILE:,} bytes", "shorten the prompt")
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{name} is not text in UTF-8", "save the template as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "its name is no path").lower()
        mend = "check the path in generation.prompt, which is relative to the settings file, and its permissions"
        raise SettingsError(f"{name} cannot be read: {reason}", mend) from None


@lru_cache(maxsize=8)
def _compiled(text: str, name: str) -> Template:
    """The template, once it is known to hold nothing but what a prompt may hold."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    try:
        tree = environment.parse(text)
        _check(tree, name)
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise _refused(name, error.lineno, str(error.message)) from None
    except RecursionError:
        raise _refused(name, None, "the template is nested too deeply") from None


def _check(tree: nodes.Template, name: str) -> None:
    used = set()
    for node in _nodes(tree):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            what = f"a prompt may not hold {kind}: it has text, variables, if and the filters {', '.join(_FILTERS)}"
            raise _refused(name, node.lineno, what)
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise _refused(name, node.lineno, f"there is no filter {node.name!r}; there are {', '.join(_FILTERS)}")
        if isinstance(node, nodes.Name):
            used.add(node.name)
            if node.name not in _VARIABLES:
                raise _refused(name, node.lineno, f"there is no variable {node.name!r}")
    for node in tree.body:
        outside = not isinstance(node, nodes.Block) or node.name not in _BLOCKS
        if outside and not _is_blank(node):
            raise _refused(name, node.lineno, "this stands in neither of the two blocks")
    missing = set(_BLOCKS) - {node.name for node in tree.body if isinstance(node, nodes.Block)}
    if missing:
        raise _refused(name, None, f"the template has no block {' and no block '.join(sorted(missing))}")
    for variable in ("sources", "question"):
        if variable not in used:
            raise _refused(name, None, f"the template never says {{{{ {variable} }}}}")


def _nodes(tree: nodes.Template) -> Iterator[nodes.Node]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(node.iter_child_nodes()))


def _is_blank(node: nodes.Node) -> bool:
    parts = node.nodes if isinstance(node, nodes.Output) else [node]
    return all(isinstance(part, nodes.TemplateData) and not part.data.strip() for part in parts)


def _refused(name: str, line: int | None, what: str) -> SettingsError:
    return SettingsError(f"{name if line is None else f'{name}:{line}'}: {what}", _THERE_ARE)
