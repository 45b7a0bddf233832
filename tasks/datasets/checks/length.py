"""Counts the tokens of rows as the model that will be trained reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.shapes.example import message_text
from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.embedding.tokens import Tokenizer
from freshet.tasks.errors import EmbeddingError, SettingsError
from freshet.tasks.settings.datasets import Format, Tokens
from freshet.tasks.settings.embedding import Embedding
from freshet.tasks.settings.named_models import BUNDLED

MESSAGE_TOKENS = 4
"""Tokens that stand around one message (its role and its borders) where the tokenizer has no chat template."""

_LONG = 100_000
"""Code points of a text that is encoded in windows if it is longer, so that memory stays bounded."""

_BATCH = 2_000_000
"""Code points of the texts that are encoded together."""

TokenCounts = NDArray[np.int64]
"""Numbers of tokens, one for each text or row."""


class _Ids(Tokenizer):
    """A tokenizer that also returns the tokens themselves."""

    def ids(self, text: str) -> list[int]:
        """Returns the tokens of a text, without special ones."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found


class TokenCounter:
    """Counts the tokens of texts and of messages, without truncation.

    Messages are counted as the tokenizer's chat template writes them. Where there is no template, or the template
    refuses the messages, a message counts the tokens of its text and MESSAGE_TOKENS. Functions that are offered count
    the tokens of their JSON. Special tokens that the tokenizer puts around a text count once a row.

    Args:
        folder: a folder with `tokenizer.json`, and with `tokenizer_config.json` where there is a chat template.

    Attributes:
        fingerprint: the SHA-256 of tokenizer.json, in hexadecimal digits.
        special: the number of special tokens that the tokenizer puts around every text.

    Raises:
        SettingsError: there is no readable tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        """Loads the tokenizer and its chat template."""
        try:
            self._tokenizer = _Ids(folder)
        except EmbeddingError as error:
            raise SettingsError(f"checks.tokens.tokenizer: {error.what}", error.mend) from None
        self.fingerprint = self._tokenizer.fingerprint
        self.special = self._tokenizer.special
        self._template = _chat_template(folder)

    def count(self, texts: Sequence[str]) -> TokenCounts:
        """Returns the number of tokens of each text, without special ones. Shape (len(texts),)."""
        counts = np.zeros(len(texts), dtype=np.int64)
        waiting: list[int] = []
        size = 0
        for number, text in enumerate(texts):
            if len(text) > _LONG:
                counts[number] = len(self._tokenizer.spans(text))
            elif text:
                waiting.append(number)
                size += len(text)
            if size > _BATCH:
                self._fill(counts, waiting, texts)
                waiting, size = [], 0
        self._fill(counts, waiting, texts)
        return counts

    def _fill(self, counts: TokenCounts, numbers: list[int], texts: Sequence[str]) -> None:
        if numbers:
            counts[numbers] = self._tokenizer.count([texts[number] for number in numbers]) - self.special

    def ids(self, text: str, most: int) -> list[int]:
        """Returns the first `most` tokens of a text, without special ones."""
        # Tokens are far shorter than so many code points, and what comes after would be encoded for nothing.
        return self._tokenizer.ids(text[: max(_LONG, most * 100)])[:most]

    def parts(self, format: Format, contents: Sequence[Mapping[str, Any]]) -> tuple[TokenCounts, list[TokenCounts]]:
        """Counts the tokens of the rows' prompts and of their answers.

        Args:
            contents: the rows in canonical form. The prompt of a conversation is all before the first turn of the
                assistant, since that is where learning begins.

        Returns:
            The number of tokens of each prompt, including special tokens and the functions on offer; and a list with
            the number of tokens of each answer: one array, or two (chosen, rejected) for preference.
        """
        rows = [
            self._written(*_prompt_and_answers(format, content), tools=content.get("tools")) for content in contents
        ]
        parts = 3 if format == "preference" else 2
        counted = [self._count_written([row.parts[part] for row in rows]) for part in range(parts)]
        whole = np.fromiter((row.whole for row in rows), dtype=np.bool_, count=len(rows))
        answers = [np.where(whole, np.maximum(one - counted[0], 0), one) for one in counted[1:]]
        return np.where(whole, counted[0], counted[0] + self.special), answers

    def _written(self, prompt: Any, *answers: Any, tools: Any) -> _Written:
        messages = [one for one in (prompt, *answers) if not isinstance(one, str)]
        if self._template is not None and len(messages) == 1 + len(answers):
            # A template writes what stands around a whole conversation, so an answer is what it adds to the prompt.
            texts = [self._template.write(prompt, tools) if prompt else ""]
            texts += [self._template.write([*prompt, *answer], tools) for answer in answers]
            known = [text for text in texts if text is not None]
            if len(known) == len(texts):
                return _Written([([text], 0) for text in known], whole=True)
        parts = [_plain(one) for one in (prompt, *answers)]
        if tools:
            parts[0] = ([*parts[0][0], _compact(tools)], parts[0][1])
        return _Written(parts, whole=False)

    def _count_written(self, written: list[tuple[list[str], int]]) -> TokenCounts:
        flat = self.count([text for texts, _ in written for text in texts])
        sizes = np.fromiter((len(texts) for texts, _ in written), dtype=np.int64, count=len(written))
        extra = np.fromiter((tokens for _, tokens in written), dtype=np.int64, count=len(written))
        ends = np.cumsum(sizes)
        sums = np.concatenate([[0], np.cumsum(flat)])
        total: TokenCounts = sums[ends] - sums[ends - sizes] + extra
        return total


@dataclass(frozen=True)
class _Written:
    """A row as texts to encode.

    Attributes:
        parts: for the prompt and each answer, the texts to encode, and the number of tokens that come on top.
        whole: whether the texts of an answer begin with those of the prompt.
    """

    parts: list[tuple[list[str], int]]
    whole: bool


def _plain(part: str | list[dict[str, Any]]) -> tuple[list[str], int]:
    if isinstance(part, str):
        return [part], 0
    return [message_text(one) for one in part], MESSAGE_TOKENS * len(part)


def token_counter(tokens: Tokens, root: Path) -> TokenCounter:
    """Returns the counter that a dataset's settings ask for.

    Args:
        root: the folder of freshet.yaml, to which a relative folder of the settings is relative.

    Raises:
        SettingsError: there is no readable tokenizer.
    """
    return TokenCounter(tokenizer_folder(tokens, root))


def tokenizer_folder(tokens: Tokens, root: Path) -> Path:
    """Returns the folder of the tokenizer that a dataset's settings name.

    Args:
        root: the folder of freshet.yaml, to which a relative folder of the settings is relative.

    Raises:
        SettingsError: there is no such folder.
    """
    if tokens.tokenizer == BUNDLED:
        return resolve_model(Embedding(), root).folder
    folder = (root / Path(tokens.tokenizer).expanduser()).resolve()
    if not folder.is_dir():
        raise SettingsError(
            f"checks.tokens.tokenizer {tokens.tokenizer!r}: there is no folder {folder}",
            f"Name a folder with tokenizer.json (AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)), "
            f"or write {BUNDLED!r}.",
        )
    return folder


def _prompt_and_answers(format: Format, content: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the prompt of a row, and its one or two answers; each is a text or a list of messages."""
    if format == "language_modeling":
        return "", content["text"]
    if format == "conversational":
        messages = content["messages"]
        first = next((i for i, one in enumerate(messages) if one["role"] == "assistant"), len(messages))
        return messages[:first], messages[first:]
    if format == "preference":
        return content["prompt"], content["chosen"], content["rejected"]
    return content["prompt"], content["completion"]


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Template:
    """A chat template, run by the library that trainers use."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)

    def write(self, messages: list[dict[str, Any]], tools: Any) -> str | None:
        """Returns the messages as the model is given them; None where the template refuses the messages."""
        from jinja2 import TemplateError

        try:
            return str(self._tokenizer.apply_chat_template(messages, tools=tools or None, tokenize=False))
        except (TemplateError, TypeError, ValueError, KeyError):
            return None


def _chat_template(folder: Path) -> _Template | None:
    """Returns the tokenizer's chat template; None, without loading the library, where the folder declares none."""
    if (folder / "chat_template.jinja").is_file():
        return _Template(folder)
    try:
        declared = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return _Template(folder) if isinstance(declared, dict) and declared.get("chat_template") else None
