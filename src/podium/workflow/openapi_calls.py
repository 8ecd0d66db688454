"""`call: openapi`: an operation of an API, by the document that describes it."""

from __future__ import annotations

from podium.facts.values import JSON
from podium.workflow.authenticating import authentication
from podium.workflow.calls import endpoint_authentication, has_idempotency_key, with_authorization
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import endpoint_part, is_local
from podium.workflow.expressions import mapping
from podium.workflow.program import CallOpenApi

OUTPUTS = ("content", "raw", "response")


def call_openapi(draft: Draft, arguments: JSON, place: Place, scope: Scope) -> CallOpenApi:
    """The arguments of `call: openapi`."""
    given = draft.table(
        arguments, place, "`call: openapi`",
        ("document", "operationId", "parameters", "authentication", "output", "redirect"),
        required=("document", "operationId"),
    )  # fmt: skip
    at = place / "document"
    document = draft.table(
        given.get("document", {"endpoint": "http://x"}), at, "`document`", ("name", "endpoint"),
        required=("endpoint",),
    )  # fmt: skip
    draft.text(document.get("name", ""), at / "name", "`name`")
    endpoint = document.get("endpoint", "http://x")
    proof = None
    if "authentication" in given:
        proof = authentication(draft, given["authentication"], place / "authentication", scope)
    reading = endpoint_part(draft, endpoint, at / "endpoint", may_be_local=True).under("/document")
    parameters = draft.named(given.get("parameters", {}), place / "parameters", "`parameters`")
    inner = scope if proof is None else with_authorization(scope, proof)
    asked = {
        "document": reading,
        "parameters": draft.member(parameters, "/parameters", place, inner),
    }
    return CallOpenApi(
        request=draft.finished(f"the call of {given.get('operationId', '')}", mapping(asked), place, inner),
        operation=draft.text(given.get("operationId", "x"), place / "operationId", "`operationId`"),
        output=draft.choice(given.get("output", "content"), place / "output", "`output`", OUTPUTS),
        redirect=draft.flag(given.get("redirect", False), place / "redirect", "`redirect`"),
        idempotent=has_idempotency_key(parameters),
        local=is_local(endpoint),
        authentication=proof,
        document_authentication=endpoint_authentication(draft, endpoint, at / "endpoint", scope),
    )
