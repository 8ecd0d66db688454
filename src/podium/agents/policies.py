"""Authentication policies as a performer gets them, from a document or from a secret."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from podium.agents.interface import AttemptFailed
from podium.facts.values import JSON


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`basic` and `digest`."""

    username: str
    password: str


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`bearer`."""

    token: str


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The client that asks for a token."""

    id: str = ""
    secret: str = ""
    authentication: Literal["client_secret_post", "client_secret_basic", "none"] = "client_secret_post"


class Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Endpoints of an authority, relative to it; tokens are neither revoked nor introspected."""

    token: str = "/oauth2/token"
    revocation: str = ""
    introspection: str = ""


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the token is asked for."""

    encoding: Literal["application/x-www-form-urlencoded", "application/json"] = (
        "application/x-www-form-urlencoded"
    )


class OAuth2(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`oauth2` and `oidc`; the latter finds its endpoints at the authority."""

    authority: str
    grant: Literal["client_credentials", "password"]
    client: Client = Client()
    endpoints: Endpoints = Endpoints()
    request: TokenRequest = TokenRequest()
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    username: str = ""
    password: str = ""


Policy: TypeAlias = Login | Token | OAuth2

_KINDS: dict[str, type[Login] | type[Token] | type[OAuth2]] = {
    "basic": Login, "digest": Login, "bearer": Token, "oauth2": OAuth2, "oidc": OAuth2,
}  # fmt: skip


def policy_of(given: JSON) -> tuple[str, Policy]:
    """The kind and the policy of `{kind: properties}`; a bearer's may be the token itself.

    Raises:
        AttemptFailed: kind `configuration`: it is none. No value of it is quoted.
    """
    ((kind, properties),) = given.items()
    if kind == "bearer" and isinstance(properties, str):
        return kind, Token(properties)
    made: Any
    try:
        made = msgspec.convert(properties, _KINDS[kind])
    except msgspec.ValidationError as error:
        fields = ", ".join(_KINDS[kind].__struct_fields__)
        place = str(error).rpartition(" - at ")[2] if " - at " in str(error) else ""
        raise AttemptFailed(
            f"this is no policy for `{kind}`{' at ' + place.strip('`') if place else ''}",
            f"It must be an object; its members: {fields}.",
            retryable=False,
            unstarted=True,
            kind="configuration",
        ) from None
    return kind, made
