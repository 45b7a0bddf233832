"""What tests of the chat interface share: the real client, and language models that do as they are told."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import openai

from tests.answers.servers import Server, said
from tests.flows.conftest import Project
from tests.service.serving import FLOOD
from tests.waiting import PATIENCE

ASKED = {"role": "user", "content": FLOOD}


def client(url: str, who: str = "anybody") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=who, max_retries=0, timeout=PATIENCE)


def completion(url: str, *messages: Any, who: str = "anybody", **more: Any) -> Any:
    return client(url, who).chat.completions.create(model="docs", messages=list(messages), **more)


def content(answer: Any) -> str:
    return str(answer.choices[0].message.content)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def with_model(served: Project, folder: Path, server: Server, **service: Any) -> Project:
    project = served.copy(folder)
    model = {"endpoint": f"{server.url}/v1", "name": "parrot"}
    project.settings |= {"generation": {"model": model, "retries": 0}}
    project.settings["service"] |= service
    project.save()
    return project


def prompt(body: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in body["messages"])


def key_before(text: str, words: str) -> str:
    return re.findall(r"\bk[0-9a-z]{3}\b", text[: text.index(words)])[-1]


def settles(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """A reply that says what the handbook says."""
    key = key_before(prompt(body), "Member Services may settle")
    said(f"Member Services may settle a flood damage claim with up to €2,500 per household [{key}].")(handler, body)
