"""The official examples that are run: what each is given, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.conformance.stand_ins import MISSING_PET

HOT: dict[str, Any] = {
    "type": "com.fake-hospital.vitals.measurements.temperature", "data": {"temperature": 39}
}  # fmt: skip
FAST: dict[str, Any] = {"type": "com.fake-hospital.vitals.measurements.bpm", "data": {"bpm": 110}}


@dataclass(frozen=True)
class Run:
    """What an example is given, and how it ends.

    `output` is what its output holds, or is; `beside` is another document that it needs.
    """

    input: Any = None
    output: Any = None
    status: str = "completed"
    events: tuple[dict[str, Any], ...] = ()
    beside: str = ""


REX = {"id": 1, "name": "Rex"}
LUKE = {"count": 1}
REGISTER = """
document: {dsl: '1.0.3', namespace: test, name: register-customer, version: '0.1.0'}
do:
  - register: {set: {registered: '${ .customer }'}}
"""

RUNS = {
    "authentication-bearer": Run({"token": "abc"}, REX),
    "authentication-bearer-uri-format": Run({"token": "abc", "petId": 1}, REX),
    "authentication-oauth2": Run({"petId": 1}, REX),
    "authentication-oauth2-secret": Run({"petId": 1}, REX),
    "authentication-oidc": Run({"petId": 1}, REX),
    "authentication-oidc-secret": Run({"petId": 1}, REX),
    "authentication-reusable": Run({"token": "abc", "petId": 1}, REX),
    "call-custom-function-inline": Run({}, {"id": 69}),
    "call-http-endpoint-interpolation": Run({"petId": 1}, REX),
    "call-http-endpoint-interpolation-shorthand": Run({"petId": 1}, REX),
    "call-http-query-headers-expressions": Run({"searchQuery": "luke"}, LUKE),
    "call-http-query-parameters": Run({"searchQuery": "luke"}, LUKE),
    "call-http-redirect": Run({"searchQuery": "luke"}, LUKE),
    "call-openapi": Run({}, [{"id": 1, "name": "Rex", "status": "available", "photoUrls": []}]),
    "call-openapi-redirect": Run({}, [{"id": 1, "name": "Rex", "status": "available", "photoUrls": []}]),
    "conditional-task": Run({"customer": {"age": 20}, "bet": {}}, {"path": "api/bet/on/football"}),
    # The second task looks for `petId` in the pet, which the first one gives: as written it has none.
    "do-multiple": Run({"petId": 1}, None, "faulted"),
    "do-single": Run({"petId": 1}, REX),
    "emit": Run({}, {"type": "com.petstore.order.placed.v1"}),
    "for": Run({"pets": [{"id": 1}]}, {"pets": [{"id": 1}]}),
    "for-inline-array": Run({}, {"processed": [
        {"name": "red", "hex": "#FF0000"}, {"name": "green", "hex": "#00FF00"},
        {"name": "blue", "hex": "#0000FF"},
    ]}),
    "fork": Run({"patient": {"fullName": "Ann"}, "room": {"number": 1}}, {"host": "fake-hospital.com"}),
    "listen-to-all": Run({}, [{"temperature": 39}, {"bpm": 110}], events=(HOT, FAST)),
    "listen-to-all read-envelope": Run({}, None, events=(HOT, FAST)),
    "listen-to-any": Run({}, ["any"], events=({"type": "any", "data": "any"},)),
    "listen-to-any-filter": Run({}, [{"bpm": 110}], events=(FAST,)),
    "listen-to-any-until-condition": Run(
        {}, [0, 1, 2, 3], events=tuple({"type": "x", "data": number} for number in range(4))
    ),
    "listen-to-any-until-consumed": Run(
        {}, [{"temperature": 39}], events=(HOT, {"type": "com.fake-hospital.patient.checked-out"})
    ),
    # The call looks for `carId` in the list of events.
    "listen-to-one": Run(
        {"carId": 7}, None, "faulted",
        events=({"type": "com.virtual-wf-powered-race.events.race.started.v1", "data": {}},),
    ),
    # The condition takes the endpoint for a text, and it is an object here.
    "mock-service-extension": Run({}, None, "faulted"),
    "raise-inline": Run({}, {"title": "Not Implemented", "status": 500}, "faulted"),
    "raise-reusable": Run({}, {"title": "Not Implemented", "status": 500}, "faulted"),
    "run-script-with-stdin-and-arguments": Run({}, "stdin >  Hello Workflow\narg >  hello\nenv >  bar"),
    "run-shell-stdin-and-arguments": Run({}, "STDIN was: Hello World\nARGS are Foo Bar"),
    "run-subflow": Run({"user": {"name": "Ann"}}, {"registered": ".user"}, beside=REGISTER),
    "star-wars-homeworld": Run({"id": 1}, {"name": "Tatooine"}),
    "switch-then-string": Run({"orderType": "electronic"}, {"status": "fulfilled"}),
    "try-catch": Run({"petId": int(MISSING_PET)}, {"petId": int(MISSING_PET)}),
    "try-catch-retry-inline": Run({"petId": 1}, REX),
    "try-catch-retry-reusable": Run({"petId": 1}, REX),
    # `$error` stands outside of `${ }`, so it is a text.
    "try-catch-then": Run({"petId": int(MISSING_PET)}, {"error": "$error"}),
    "try-catch-then-directive": Run({}, {"status": "failed"}),
}  # fmt: skip
"""By the name of the file."""

WAITING = {
    "accumulate-room-readings": "its `output.as` looks for a member in the list of events",
    "listen-to-any-forever-foreach": "it never ends",
    "wait-duration-inline": "it waits for 30 s",
    "wait-duration-iso8601": "it waits for 30 s",
}
"""Why the others that compile are not run."""
