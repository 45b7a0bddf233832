"""`freshet token …`: who may ask the service, by which tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter
from pydantic import TypeAdapter, ValidationError

from freshet.flows.command.answering import DONE, Config, Json, complain, print_answer
from freshet.flows.command.texts import tokens as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.types import DURATION_HELP, Duration

app = App(name="token", help="Create, list and revoke tokens of the service.")

NEVER = "never"


@app.command
def create(
    *,
    as_: Annotated[
        list[str] | None, Parameter(name="--as", negative="", help="Whom it is for: user:NAME, group:NAME.")
    ] = None,
    expires: Annotated[str, Parameter(help="After which time it is no good, like 90d; or never.")] = "90d",
    note: Annotated[str | None, Parameter(help="What it is for.")] = None,
    impersonate: Annotated[bool, Parameter(negative="", help="Whoever has it may ask as anybody.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Create a token, and print it this once. Without --as, whoever has it sees what everyone may see."""
    from freshet.tasks.service.tokens import create_token

    token, kept = create_token(
        load_project(config).root,
        as_ or [],
        datetime.now(UTC),
        expires=_span(expires),
        note=note,
        may_impersonate=impersonate,
    )
    print_answer({"token": token, "id": kept.id}, as_json, f"{token}\n")
    if not as_json:
        complain(printing.created_text(kept))
    return DONE


@app.command(name="list")
def list_(*, config: Config = None, as_json: Json = False) -> int:
    """List the tokens: whom each is for, until when, and when it was used last. The tokens themselves are not kept."""
    from freshet.tasks.service.tokens import list_tokens

    found = list_tokens(load_project(config).root)
    now = datetime.now(UTC)
    rows = [one.model_dump(exclude={"hash"}) | {"expired": one.is_expired(now)} for one in found]
    print_answer({"tokens": rows}, as_json, printing.tokens_text(found, now))
    return DONE


@app.command
def revoke(token_id: str, /, *, config: Config = None, as_json: Json = False) -> int:
    """Revoke the token ID: a running service refuses it from the next request on."""
    from freshet.tasks.service.tokens import revoke_token

    found = revoke_token(load_project(config).root, token_id)
    print_answer({"id": found.id, "revoked": True}, as_json, f"The token {found.id} is revoked.\n")
    return DONE


def _span(text: str) -> timedelta | None:
    if text == NEVER:
        return None
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        what = f"{shown(text)} is no time after which a token expires"
        raise SettingsError(what, f"For --expires, {DURATION_HELP}; or never.") from None
