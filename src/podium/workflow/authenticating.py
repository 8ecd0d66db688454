"""`authentication`: how a call proves who makes it. Source: workflow DSL 1.0.3, "Authentication"."""

from __future__ import annotations

import re
from typing import Literal, cast

from podium.facts.secrets import placeholder
from podium.facts.values import JSON
from podium.workflow.catching import referenced
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import is_uri
from podium.workflow.expressions import WHOLE
from podium.workflow.program import Authentication

_SCHEMES: dict[str, Literal["Basic", "Bearer", "Digest"]] = {
    "basic": "Basic",
    "bearer": "Bearer",
    "digest": "Digest",
    "oauth2": "Bearer",
    "oidc": "Bearer",
}
_PLAIN = {"basic": ("username", "password"), "bearer": ("token",), "digest": ("username", "password")}
_NEEDED = {"client_credentials": (), "password": ("username", "password")}
_GRANTS = (*_NEEDED, "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange")
_CLIENTS = ("client_secret_post", "client_secret_basic", "none", "client_secret_jwt", "private_key_jwt")
_CLIENTS_HAD = _CLIENTS[:3]
_ENCODINGS = ("application/x-www-form-urlencoded", "application/json")
_AUTHORITY = re.compile(r"https?://[^/?#{}]+[^?#{}]*")


def authentication(draft: Draft, value: JSON, place: Place, scope: Scope) -> Authentication | None:
    """A policy, inline or by the name it has in `use.authentications`; None where nothing is right."""
    if isinstance(value, dict) and "use" in value:
        given = draft.table(value, place, "`authentication`", ("use",))
        name = draft.text(given["use"], place / "use", "`use`")
        found = referenced(draft, name, draft.authentications, place / "use", "authentications")
        if found is None:
            return None
        value, place = found
    return policy(draft, value, place, scope)


def policy(draft: Draft, value: JSON, place: Place, scope: Scope) -> Authentication | None:
    """A policy itself."""
    given = draft.table(value, place, "`authentication`", tuple(_SCHEMES))
    if len(given) != 1:
        if isinstance(value, dict) and len(value) != 1:
            known = ", ".join(f"`{name}`" for name in _SCHEMES)
            draft.refuse("wrong-value", place, f"`authentication` must be exactly one of {known}.")
        return None
    (kind,) = given
    at = place / kind
    if isinstance(given[kind], dict) and "use" in given[kind]:
        made: JSON = _secret(draft, given[kind], at)
    elif kind in _PLAIN:
        made = _texts(draft, given[kind], at, f"`{kind}`", _PLAIN[kind])
    else:
        made = _oauth2(draft, given[kind], at, kind)
    return Authentication(_SCHEMES[kind], draft.template({kind: made}, place, scope))


def _secret(draft: Draft, value: dict[str, JSON], place: Place) -> str:
    """The placeholder of the secret that holds the whole policy."""
    given = draft.table(value, place, "The policy", ("use",))
    name = draft.text(given["use"], place / "use", "`use`")
    if name:
        draft.secret(name, (place / "use").path)
    return placeholder(name)


def _texts(draft: Draft, value: JSON, place: Place, what: str, names: tuple[str, ...]) -> dict[str, JSON]:
    given = draft.table(value, place, what, names, required=names)
    _check_texts(draft, given, place)
    return given


def _check_texts(draft: Draft, given: dict[str, JSON], place: Place) -> None:
    for name, member in given.items():
        if not isinstance(member, str):
            draft.refuse("wrong-type", place / name, f"`{name}` must be a text; quote it.")


def _oauth2(draft: Draft, value: JSON, place: Place, kind: str) -> dict[str, JSON]:
    known = (
        "authority", "grant", "client", "request", "issuers", "scopes", "audiences", "username", "password",
    )  # fmt: skip
    exchange = "let an agent make the call"
    given = draft.table(
        value, place, f"`{kind}`", (*known, "endpoints") if kind == "oauth2" else known,
        required=("authority", "grant"), unsupported={"subject": exchange, "actor": exchange},
    )  # fmt: skip
    _check_authority(draft, given, place)
    _check_grant(draft, given, place)
    _check_texts(draft, {name: given[name] for name in ("username", "password") if name in given}, place)
    for name in ("issuers", "scopes", "audiences"):
        for number, one in enumerate(draft.sequence(given.get(name, []), place / name, f"`{name}`")):
            if not isinstance(one, str):
                draft.refuse("wrong-type", place / name / number, f"What `{name}` holds must be texts.")
    _check_client(draft, given, place / "client")
    request = draft.table(given.get("request", {}), place / "request", "`request`", ("encoding",))
    if "encoding" in request:
        draft.choice(request["encoding"], place / "request" / "encoding", "`encoding`", _ENCODINGS)
    _check_endpoints(draft, given.get("endpoints", {}), place / "endpoints")
    return given


def _check_authority(draft: Draft, given: dict[str, JSON], place: Place) -> None:
    if "authority" not in given:
        return
    authority = draft.text(given["authority"], place / "authority", "`authority`")
    if authority and not (_AUTHORITY.fullmatch(authority) and is_uri(authority)):
        draft.refuse("endpoint", place / "authority", "`authority` must be a URI, `https://host/path`.")


def _check_grant(draft: Draft, given: dict[str, JSON], place: Place) -> None:
    if "grant" not in given:
        return
    grant = draft.choice(given["grant"], place / "grant", "`grant`", _GRANTS)
    if grant not in _NEEDED:
        draft.unsupported(place / "grant", f"the grant `{grant}`", "use `client_credentials`")
    for name in _NEEDED.get(grant, ()):
        if name not in given:
            draft.refuse("missing-field", place, f"The grant `{grant}` needs `{name}`.")


def _check_client(draft: Draft, given: dict[str, JSON], place: Place) -> None:
    client = draft.table(
        given.get("client", {}), place, "`client`", ("id", "secret", "authentication"),
        unsupported={"assertion": "use `secret`"},
    )  # fmt: skip
    _check_texts(draft, client, place)
    way = "client_secret_post"
    if "authentication" in client:
        at = place / "authentication"
        way = cast(str, draft.choice(client["authentication"], at, "`authentication`", _CLIENTS))
        if way not in _CLIENTS_HAD:
            draft.unsupported(at, f"`{way}`", "use `client_secret_basic`")
    if "client" not in given and given.get("grant") == "password":
        return
    for name in ("id",) if way == "none" or given.get("grant") == "password" else ("id", "secret"):
        if name not in client and isinstance(given.get("client", {}), dict):
            draft.refuse("missing-field", place, f"`client` needs `{name}`.")


def _check_endpoints(draft: Draft, value: JSON, place: Place) -> None:
    given = draft.table(value, place, "`endpoints`", ("token", "revocation", "introspection"))
    for name, member in given.items():
        path = draft.text(member, place / name, f"`{name}`")
        if path and (not is_uri(path) or WHOLE.fullmatch(path)):
            draft.refuse("endpoint", place / name, f"`{name}` must be a path or a URI.")
