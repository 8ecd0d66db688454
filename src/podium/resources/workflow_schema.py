"""The JSON Schema of workflow documents, as far as Podium runs them: for editors, which it helps to complete.

The compiler says more, and has the last word: names, expressions and references are its own.
"""

from __future__ import annotations

from typing import Any

from podium.resources.durations import UNITS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_EXPRESSION: Schema = {"type": "string", "description": "an expression in `${ }`"}
_TIER: Schema = {"type": "integer", "minimum": 1}
_ANY: Schema = {}
_NAME: Schema = {"type": "string", "pattern": "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"}


def _object(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """An object with these members and no others. A trailing `_` keeps a name from being Python's."""
    return {
        "type": "object",
        "properties": {name.rstrip("_"): schema for name, schema in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _one_of(**properties: Schema) -> Schema:
    """An object with exactly one of these members."""
    return {**_object(**properties), "minProperties": 1, "maxProperties": 1}


def _named(values: Schema) -> Schema:
    """An object of one member, whose name is free."""
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": values}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def workflow_schema() -> Schema:
    """JSON Schema 2020-12 of a workflow document (workflow DSL 1.0.3, and Podium's `call` functions)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Workflow",
        **_object(
            ("document", "do"),
            document=_object(
                ("dsl", "namespace", "name", "version"), dsl={"type": "string", "pattern": r"^1\.0\.\d+$"},
                namespace=_NAME, name=_NAME, version=_TEXT, title=_TEXT, summary=_TEXT, tags=_map(_TEXT),
                metadata=_map(_ANY),
            ),
            input=_ref("input"),
            output=_ref("output"),
            timeout=_ref("timeout"),
            schedule=_schedule(),
            evaluate=_object(language={"const": "jq"}, mode={"enum": ["strict", "loose"]}),
            use=_object(
                functions=_map(_ref("task")), retries=_map(_ref("retry")), errors=_map(_ref("error")),
                timeouts=_map(_ref("timeout")), secrets={"type": "array", "items": _TEXT},
                authentications=_map(_ref("authentication")),
                extensions={"type": "array", "items": _named(_extension())},
            ),
            do=_ref("tasks"),
        ),
        "$defs": _definitions(),
    }  # fmt: skip


def _definitions() -> Schema:
    schema = _object(("document",), format={"enum": ["json", "json:2020-12"]}, document=_ANY)
    moulded = {"type": ["string", "object"]}
    duration = {
        "anyOf": [
            _object(**{unit: {"type": "number"} for unit in UNITS}),
            {"type": "string", "description": "ISO 8601, `PT30S`, or an expression"},
        ]
    }
    error = _object(
        ("type", "status"), type=_TEXT, status={"type": "integer", "minimum": 0}, title=_TEXT, detail=_TEXT,
        instance=_TEXT,
    )  # fmt: skip
    return {
        "schema": schema,
        "input": _object(schema=_ref("schema"), from_=moulded),
        "output": _object(schema=_ref("schema"), as_=moulded),
        "duration": duration,
        "timeout": {"anyOf": [_TEXT, _object(("after",), after=_ref("duration"))]},
        "error": error,
        "retry": _retry(),
        "authentication": _authentication(),
        "endpoint": {
            "anyOf": [_TEXT, _object(("uri",), uri=_TEXT, authentication=_ref("authentication"))],
        },
        "event": _object(
            ("with",), with_={"type": "object", "minProperties": 1},
            correlate=_map(_object(("from",), from_=_EXPRESSION, expect=_TEXT)),
        ),
        "tasks": {"type": "array", "items": _named(_ref("task"))},
        "task": {"anyOf": [_with_common(kind) for kind in _kinds()]},
    }  # fmt: skip


def _extension() -> Schema:
    kinds = "call composite emit for listen raise run set switch try wait all"
    return _object(
        ("extend",), extend={"enum": kinds.split()}, when=_EXPRESSION, before=_ref("tasks"),
        after=_ref("tasks"),
    )  # fmt: skip


def _authentication() -> Schema:
    """A policy, or the name of one; each may stand in a secret."""
    secret = _object(("use",), use=_TEXT)
    texts = {"type": "array", "items": _TEXT}
    login = {"anyOf": [_object(("username", "password"), username=_TEXT, password=_TEXT), secret]}
    client = _object(
        id=_TEXT, secret=_TEXT,
        authentication={"enum": ["client_secret_post", "client_secret_basic", "none"]},
    )  # fmt: skip
    encodings = ["application/x-www-form-urlencoded", "application/json"]
    oidc = {
        "authority": _TEXT, "grant": {"enum": ["client_credentials", "password"]}, "client": client,
        "request": _object(encoding={"enum": encodings}), "issuers": texts, "scopes": texts,
        "audiences": texts, "username": _TEXT, "password": _TEXT,
    }  # fmt: skip
    endpoints = _object(token=_TEXT, revocation=_TEXT, introspection=_TEXT)
    needed = ("authority", "grant")
    return _one_of(
        use=_TEXT,
        basic=login,
        digest=login,
        bearer={"anyOf": [_object(("token",), token=_TEXT), secret]},
        oauth2={"anyOf": [_object(needed, **oidc, endpoints=endpoints), secret]},
        oidc={"anyOf": [_object(needed, **oidc), secret]},
    )


def _retry() -> Schema:
    growing = {"increment": _ref("duration"), "maxDelay": _ref("duration")}
    steeper = {"multiplier": {"type": "number", "minimum": 1, "maximum": 100}, "maxDelay": _ref("duration")}
    return _object(
        when=_EXPRESSION,
        exceptWhen=_EXPRESSION,
        delay=_ref("duration"),
        backoff=_one_of(constant=_object(), linear=_object(**growing), exponential=_object(**steeper)),
        limit=_object(
            attempt=_object(count={"type": "integer", "minimum": 0}), duration=_ref("duration")
        ),
        jitter=_object(("from", "to"), from_=_ref("duration"), to=_ref("duration")),
    )  # fmt: skip


def _kinds() -> list[Schema]:
    """What each kind of task has of its own."""
    case = _object(("then",), when=_EXPRESSION, then=_TEXT)
    catch = _object(
        errors=_object(with_={"type": "object"}), as_=_TEXT, when=_EXPRESSION, exceptWhen=_EXPRESSION,
        retry={"anyOf": [_TEXT, _ref("retry")]}, do=_ref("tasks"), then=_TEXT,
    )  # fmt: skip
    return [
        *_calls(),
        _object(("do",), do=_ref("tasks")),
        _object(
            ("for", "do"),
            for_=_object(("in",), each=_TEXT, in_={"type": ["string", "array"]}, at=_TEXT),
            while_=_EXPRESSION,
            do=_ref("tasks"),
        ),
        _object(
            ("fork",), fork=_object(("branches",), branches=_ref("tasks"), compete={"type": "boolean"})
        ),
        _listen(),
        _object(("emit",), emit=_object(("event",), event=_object(("with",), with_=_ATTRIBUTES))),
        _object(("run",), run=_run()),
        _object(("raise",), raise_=_object(("error",), error={"anyOf": [_TEXT, _ref("error")]})),
        _object(("set",), set={"type": ["object", "string"]}),
        _object(
            ("switch",),
            switch={"type": "array", "minItems": 1, "items": _named(case)},
        ),
        _object(("try", "catch"), try_=_ref("tasks"), catch=catch),
        _object(("wait",), wait=_ref("duration")),
    ]  # fmt: skip


_ATTRIBUTES: Schema = {"type": "object", "required": ["type"]}


def _schedule() -> Schema:
    filters = {"type": "array", "items": _ref("event")}
    events = _one_of(one=_ref("event"), any=filters, all=filters)
    whens = [
        _object(("every",), every=_ref("duration")),
        _object(("cron",), cron=_TEXT),
        _object(("after",), after=_ref("duration")),
        _object(("on",), on=events, read={"enum": ["data", "envelope", "raw"]}),
    ]
    return {"anyOf": whens}


def _listen() -> Schema:
    filters = {"type": "array", "items": _ref("event")}
    ending = {"anyOf": [_EXPRESSION, _one_of(one=_ref("event"), any=filters, all=filters)]}
    strategies = [
        _object(("one",), one=_ref("event")),
        _object(("all",), all=filters),
        _object(("any",), any=filters, until=ending),
    ]
    return _object(
        ("listen",),
        listen=_object(("to",), read={"enum": ["data", "envelope", "raw"]}, to={"anyOf": strategies}),
        foreach=_object(
            item=_TEXT, at=_TEXT, do=_ref("tasks"), output=_ref("output"), export=_ref("output")
        ),
    )  # fmt: skip


def _run() -> Schema:
    workflow = _object(
        ("namespace", "name", "version"), namespace=_NAME, name=_NAME, version=_TEXT, input={"type": "object"}
    )
    returned = {"enum": ["stdout", "stderr", "code", "all", "none"]}
    run = _object(
        workflow=workflow, await_={"type": "boolean"}, return_=returned,
        **{kind: {"type": "object"} for kind in ("script", "shell")},
    )  # fmt: skip
    return {**run, "oneOf": [{"required": [process]} for process in ("workflow", "script", "shell")]}


def _calls() -> list[Schema]:
    texts = {"type": "array", "items": _TEXT}
    undo = _object(("function",), function={"type": ["string", "object"]}, input=_ANY)
    fanout = _object(
        ("to",), to={"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1}, texts]},
        quorum={"type": "integer", "minimum": 1}, reconcile={"type": ["string", "object"]},
    )  # fmt: skip
    on_failure: Schema = {"enum": ["fault", "deadLetter"]}
    agent = _object(
        capability=_TEXT, agent=_TEXT, input=_ANY, idempotencyKey=_TEXT,
        select=_object(
            require=_map(_TEXT), prefer=_map(_TEXT),
            by={"anyOf": [_TEXT, _object(capability=_TEXT, agent=_TEXT)]},
        ),
        fanout=fanout, compensate=undo,
        reroute={"anyOf": [{"const": True}, _object(("max",), max={"type": "integer", "minimum": 1})]},
        onFailure=on_failure,
    )  # fmt: skip
    tool = _object(
        ("tool",), tool=_TEXT, args=_ANY, idempotencyKey=_TEXT, compensate=undo, onFailure=on_failure
    )  # fmt: skip
    human = _object(
        ("title",), title=_TEXT, description=_TEXT, form={"type": ["object", "boolean"]},
        decisions={"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
        tier=_TIER, roles={"type": "array", "items": _TEXT}, quorum={"type": "integer", "minimum": 1},
        escalate=_object(("after", "tier"), after=_ref("duration"), tier=_TIER),
    )  # fmt: skip
    policy = _object(
        name=_TEXT, data=_ANY,
        check={"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
    )  # fmt: skip
    http = _object(
        ("method", "endpoint"), method=_TEXT, endpoint=_ref("endpoint"),
        headers={"type": ["object", "string"]}, query={"type": ["object", "string"]}, body=_ANY,
        output={"enum": ["content", "raw", "response"]}, redirect={"type": "boolean"},
    )  # fmt: skip
    openapi = _object(
        ("document", "operationId"), document=_object(("endpoint",), name=_TEXT, endpoint=_ref("endpoint")),
        operationId=_TEXT, parameters=_map(_ANY), authentication=_ref("authentication"),
        output={"enum": ["content", "raw", "response"]}, redirect={"type": "boolean"},
    )  # fmt: skip
    own = {"agent": agent, "tool": tool, "human": human, "http": http, "openapi": openapi}
    named = [_object(("call", "with"), call={"const": name}, with_=given) for name, given in own.items()]
    named.append(_object(("call",), call={"const": "policy"}, with_=policy))
    named.append(_object(("call", "with"), call={"const": "plan"}, with_=_plan(texts)))
    other: Schema = {
        "type": "string",
        "not": {"enum": [*own, "policy", "plan"]},
        "description": "one of `use.functions`",
    }
    return [*named, _object(("call",), call=other, with_={"type": "object"})]


def _plan(texts: Schema) -> Schema:
    """What `call: plan` takes."""
    whole: Schema = {"type": "integer", "minimum": 1}
    calls = {"enum": ["agent", "tool", "workflow", "http", "human", "emit", "listen", "policy"]}
    allow = _object(
        ("calls",), calls={"type": "array", "items": calls}, capabilities=texts, agents=texts, tools=texts,
        workflows=texts, hosts=texts,
    )  # fmt: skip
    return _object(
        ("allow",), capability=_TEXT, agent=_TEXT, input=_ANY,
        select=_object(require=_map(_TEXT), prefer=_map(_TEXT)), allow=allow,
        limits=_object(tasks=whole, depth=whole, steps=whole, money=_object(("usd",), usd=_TEXT)),
        approval=_object(
            tier=_TIER, roles=texts, quorum=whole,
            escalate=_object(("after", "tier"), after=_ref("duration"), tier=_TIER),
        ),
    )  # fmt: skip


def _with_common(kind: Schema) -> Schema:
    """A kind of task with what every task may have."""
    common = {
        "if": _EXPRESSION,
        "input": _ref("input"),
        "output": _ref("output"),
        "export": _ref("output"),
        "timeout": _ref("timeout"),
        "then": _TEXT,
        "metadata": _map(_ANY),
    }
    return {**kind, "properties": {**kind["properties"], **common}}
