"""Renders what the commands on tokens print for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from freshet.flows.command.texts.lines import text_of

if TYPE_CHECKING:
    from freshet.tasks.service.token_file import Token


def created_text(token: Token) -> str:
    """Renders what there is to know of a new token."""
    until = "until it is revoked" if token.expires_at is None else f"until {_moment(token.expires_at)}"
    also = "; whoever has it may ask as anybody" if token.may_impersonate else ""
    return (
        f"The token {token.id} is for {_whom(token)}, {until}{also}.\n"
        f"It is shown this once. To take it away: freshet token revoke {token.id}"
    )


def tokens_text(tokens: Sequence[Token], now: datetime) -> str:
    """Renders the tokens that there are."""
    if not tokens:
        return "There are no tokens. To make one: freshet token create --as user:NAME\n"
    lines = []
    for one in tokens:
        end = "never expires" if one.expires_at is None else f"expires {_moment(one.expires_at)}"
        if one.is_expired(now):
            end = end.replace("expires", "EXPIRED")
        used = "not known to be used" if one.last_used_at is None else f"last used {_moment(one.last_used_at)}"
        also = "  may ask as anybody" if one.may_impersonate else ""
        lines.append(f"{one.id}  {end}  {used}  for {_whom(one)}{also}{f'  ({one.note})' if one.note else ''}")
    return text_of(lines)


def _whom(token: Token) -> str:
    return ", ".join(token.principals) or "what everyone may see"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
