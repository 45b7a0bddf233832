"""What freshet.yaml may say of the service: where it listens, who may ask, and how much."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import ByteSize, Field

from freshet.tasks.settings.types import Count, Duration, Principal, Size, Strict, Text

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures that only the holder of a private key can make. A shared secret, or none, is not among them."""


class Oidc(Strict):
    """The identity provider whose tokens say who asks."""

    issuer: Text = Field(description="address of the provider, exactly as its tokens state it in `iss`")
    audience: Text = Field(description="whom tokens must be meant for: their `aud`")
    user: Text = Field("sub", description="claim that names the user, who then is user:NAME")
    groups: Text | None = Field(None, description="claim that lists the groups, each of which then is group:NAME")
    algorithms: list[Algorithm] = Field(["RS256", "ES256"], min_length=1, description="signatures that are accepted")
    client_id: Text | None = Field(
        None,
        description="what the provider knows the page as, so that people can sign in there",
    )


class Limits(Strict):
    """How much one caller, and all of them, may ask of the service."""

    requests_per_minute: Count = Field(120, ge=1, le=1_000_000, description="requests of one caller in a minute")
    concurrent: Count = Field(4, ge=1, le=1000, description="requests of one caller at once")
    answers: Count = Field(8, ge=1, le=1000, description="answers in the making at once, of all callers")
    body: Size = Field(ByteSize(1_000_000), description="longest request")
    timeout: Duration = Field(timedelta(minutes=2), description="time that a request may take")


class Service(Strict):
    """The service that people, programs and agents ask."""

    host: Text = Field("127.0.0.1", description="address to listen at; 127.0.0.1 is this machine only")
    port: Count = Field(4280, ge=1, le=65535, description="port to listen at")
    hosts: list[Text] = Field(
        [], description="names that it is reached by besides this machine's, like answers.example.org"
    )
    url: Text | None = Field(
        None, description="address at which people reach it, like https://answers.example.org: where artifacts link to"
    )
    anonymous: bool = Field(False, description="whether somebody without a token may ask, as `everyone` alone")
    owners: list[Principal] = Field(
        [], description="who may see reports, metrics and what access lists keep from others; nobody by default"
    )
    oidc: Oidc | None = Field(None, description="the identity provider whose tokens say who asks")
    limits: Limits = Field(Limits(), description="how much may be asked")
