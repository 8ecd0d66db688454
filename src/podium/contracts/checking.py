"""Checking: does a payload keep the schema it was promised to keep, and if not, where and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import jsonschema_rs
import msgspec

from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON
from podium.resources.schemas import SchemaFault, make_validator, schema_faults
from podium.resources.troubles import pointer, shown

BREACHES_MAX = 20
"""No more breaches than this are told of one payload."""
VALUE_CHARACTERS_MAX = 60
"""A breach quotes no more of a value than this."""
EXPLAINED_BYTES_MAX = 256 * 1024
"""Of a payload larger than this only the first breach is told: finding all would take seconds."""

_MASK = "\x1a"
_MESSAGE_CHARACTERS_MAX = 240


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a payload breaks its contract.

    Attributes:
        path: JSON pointer into the payload.
        rule: keyword of the schema that is broken, `required`; `depth` and `json` for what is no JSON.
        message: what is wrong; it quotes at most the beginning of a value.
    """

    path: str
    rule: str
    message: str


Check: TypeAlias = Callable[[JSON], list[Breach]]
"""Gives the breaches of a payload, none if it keeps the schema. Never raises."""


class SchemaInvalid(ValueError):
    """A document is no schema that a contract can be made of.

    Attributes:
        faults: at least one.
    """

    def __init__(self, faults: list[SchemaFault]) -> None:
        super().__init__("; ".join(f"{fault.path or '/'}: {fault.message}" for fault in faults))
        self.faults = faults


def compile_schema(document: JSON) -> Check:
    """A function that checks payloads by a JSON Schema 2020-12; the same document gives the same function.

    Formats are asserted, patterns take linear time, and nothing is fetched. Whatever keeps the schema is also
    JSON that can be stored; None as a document asks for no more than that.

    Raises:
        SchemaInvalid: the document is no such schema.
    """
    try:
        return _compiled(msgspec.json.encode(document, order="deterministic"))
    except (RecursionError, TypeError, UnicodeEncodeError) as error:
        raise SchemaInvalid([SchemaFault("", f"A schema is JSON: {shown(str(error), 120)}.")]) from None


@lru_cache(maxsize=2048)
def _compiled(canonical: bytes) -> Check:
    document = msgspec.json.decode(canonical)
    if document is None:
        return _check_json
    if faults := schema_faults(document):
        raise SchemaInvalid(faults)
    return _make_check(document)


def _make_check(document: JSON) -> Check:
    encode = msgspec.json.Encoder().encode
    is_valid = make_validator(document).is_valid
    explain: list[jsonschema_rs.Draft202012Validator] = []

    def check(payload: JSON) -> list[Breach]:
        try:
            # The validator follows a payload down the machine's stack and would overflow it; this stops.
            size_bytes = len(encode(payload))
            if is_valid(payload):
                return []
            if not explain:
                explain.append(make_validator(document, mask=_MASK))
            return _breaches(explain[0], payload, size_bytes)
        except (RecursionError, TypeError, ValueError) as error:
            return [_not_json(error)]

    return check


def _check_json(payload: JSON) -> list[Breach]:
    try:
        msgspec.json.encode(payload)
    except (RecursionError, TypeError, ValueError) as error:
        return [_not_json(error)]
    return []


def _not_json(error: Exception) -> Breach:
    if isinstance(error, RecursionError):
        return Breach("", "depth", "The value nests too deep, or contains itself.")
    return Breach("", "json", f"The value is not JSON: {shown(str(error), 120)}.")


# --- why a payload is refused -----------------------------------------------------------------


def breaches_text(breaches: list[Breach], breaches_max: int = 5) -> str:
    """The breaches in one line: `/amount: "3" is not of type "number"; /when: ...`."""
    text = "; ".join(f"{breach.path or '/'}: {breach.message}" for breach in breaches[:breaches_max])
    more = len(breaches) - breaches_max
    return f"{text}; and {more} more" if more > 0 else text


def _breaches(validator: jsonschema_rs.Draft202012Validator, payload: JSON, size_bytes: int) -> list[Breach]:
    if size_bytes > EXPLAINED_BYTES_MAX:
        return [_breach(error) for error in _first_error(validator, payload)]
    found = (_breach(error) for error in validator.iter_errors(payload))
    return sorted(dict.fromkeys(found), key=lambda breach: breach.path)[:BREACHES_MAX]


def _first_error(
    validator: jsonschema_rs.Draft202012Validator, payload: JSON
) -> list[jsonschema_rs.ValidationError]:
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


def _breach(error: jsonschema_rs.ValidationError) -> Breach:
    return Breach(pointer(error.instance_path), error.kind.name, _message(error))


def _message(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind
    quoted = _quoted(error.instance)
    if isinstance(
        kind, jsonschema_rs.ValidationErrorKind.AnyOf | jsonschema_rs.ValidationErrorKind.OneOfNotValid
    ):
        branches = "; or: ".join(_message(branch[0]) for branch in kind.context if branch)
        return shown(f"{quoted} fits none of the alternatives: {branches}", _MESSAGE_CHARACTERS_MAX)
    return shown(error.message.replace(_MASK, quoted), _MESSAGE_CHARACTERS_MAX)


def _quoted(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object of {len(value)} members"
    if isinstance(value, list):
        return f"a list of {len(value)} items"
    if isinstance(value, str):
        return f'"{shown(value, VALUE_CHARACTERS_MAX)}"'
    return shown(msgspec.json.encode(value).decode(), VALUE_CHARACTERS_MAX)


# --- of an agent ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contract:
    """What an agent's capability takes and gives."""

    input: Check
    output: Check


def contract_of(agent: AgentVersion, capability: str) -> Contract | None:
    """The contract of one of an agent's capabilities; None if it does not offer it."""
    for offered in agent.capabilities:
        if offered.name == capability:
            return Contract(compile_schema(offered.input), compile_schema(offered.output))
    return None


class Contracts:
    """The contracts of agent versions, each made once and found by the version's digest.

    Args:
        contracts_max: as many are kept; the one made first goes first.
    """

    def __init__(self, contracts_max: int = 4096) -> None:
        self._contracts: dict[tuple[str, str], Contract | None] = {}
        self._contracts_max = contracts_max

    def of(self, digest: str, agent: AgentVersion, capability: str) -> Contract | None:
        """The contract of a capability; None if the agent does not offer it.

        Args:
            digest: digest of the agent version.
        """
        key = (digest, capability)
        try:
            return self._contracts[key]
        except KeyError:
            if len(self._contracts) >= self._contracts_max:
                del self._contracts[next(iter(self._contracts))]
            return self._contracts.setdefault(key, contract_of(agent, capability))


def check_input(agent: AgentVersion, capability: str, payload: JSON) -> list[Breach]:
    """The breaches of an input; one of rule `capability` if the agent does not offer the capability."""
    contract = contract_of(agent, capability)
    return _not_offered(agent, capability) if contract is None else contract.input(payload)


def check_output(agent: AgentVersion, capability: str, payload: JSON) -> list[Breach]:
    """The breaches of an output; likewise."""
    contract = contract_of(agent, capability)
    return _not_offered(agent, capability) if contract is None else contract.output(payload)


def _not_offered(agent: AgentVersion, capability: str) -> list[Breach]:
    offered = ", ".join(offered.name for offered in agent.capabilities)
    return [Breach("", "capability", f"{agent.name} does not offer `{capability}`; it offers {offered}.")]
