"""Documents within Podium's profile of the language, of every shape that it has: for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.workflow.documents import HEADER

Names = st.sampled_from(["first", "second", "third", "a b", "ü", "x/y", "do", "continue-here"])
_PATHS = [".", ".a", ".a.b", ".[0]", '."b c"', "$context.x", "$workflow.id", "$runtime.name", ".a // 1"]
_ASKED = ['. | tostring | test("x")', "[.[]?] | length", "{a: .a, b: ($context | keys)}"]
bare = st.sampled_from([*_PATHS, *_ASKED, ".a > 1", "not", '.kind == "x"', "true"])
"""Expressions that may stand anywhere, without `${ }`."""
expressions = bare.map(lambda text: f"${{ {text} }}")
texts = st.one_of(
    st.sampled_from(["", "plain", "1.0", "Hello, ${ .name }!", "${ .a }${ .b }", "a: b", "\n"]), expressions
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(1.5), texts)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b c", "${"]), inner, max_size=2)
    ),
    max_leaves=4,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "c d"]), values, min_size=1, max_size=2)


def some(required: dict[str, Any] | None = None, /, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object: all required members, and any of the others. A trailing `_` frees a name of Python's."""
    return st.fixed_dictionaries(
        required or {}, optional={name.rstrip("_"): member for name, member in optional.items()}
    )


def one_of(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of exactly one of these members."""
    return st.one_of([st.fixed_dictionaries({name.rstrip("_"): one}) for name, one in members.items()])


durations = st.one_of(
    st.sampled_from(["PT1S", "PT0.5S", "P1DT2H", "P2W"]),
    some(
        None,
        days=st.integers(0, 2),
        hours=st.just(1),
        minutes=st.just(1),
        seconds=st.just(0),
        milliseconds=st.just(5),
    ).filter(bool),
    expressions,
)
fixed = durations.filter(lambda duration: not isinstance(duration, str) or "$" not in duration)
schemas = some(
    {"document": st.sampled_from([{"type": "object"}, {"required": ["a"]}, True, {}])},
    format=st.sampled_from(["json", "json:2020-12"]),
)
moulds = bare | expressions | objects
inputs = some(None, schema=schemas, from_=moulds)
outputs = some(None, schema=schemas, as_=moulds)
uris = st.sampled_from(
    [
        "https://example.com",
        "http://localhost:8080/{id}",
        "https://x/y?z={name}#f",
        "{base}/path",
        '${ "https://x" }',
    ]
)
error_types = st.sampled_from(["https://example.com/e", "about:blank", "/relative", "${ .type }"])
errors = some(
    {"type": error_types, "status": st.sampled_from([400, 404, 500, 599])},
    title=texts, detail=texts, instance=st.sampled_from(["/do/0/a", ""]),
)  # fmt: skip
backoffs = one_of(
    constant=st.just({}),
    linear=some(None, increment=durations, maxDelay=durations),
    exponential=some(None, multiplier=st.sampled_from([1, 2.5]), maxDelay=durations),
)
retries = some(
    None, when=bare, exceptWhen=bare, delay=durations, backoff=backoffs,
    jitter=some({"from": durations, "to": durations}),
    limit=some(None, attempt=some(None, count=st.integers(0, 9)), duration=durations),
)  # fmt: skip

# --- authentication


def policies() -> st.SearchStrategy[dict[str, Any]]:
    secret = st.just({"use": "login"})
    login = some({"username": texts, "password": texts}) | secret
    client = some(
        {"id": texts, "secret": texts},
        authentication=st.sampled_from(["client_secret_post", "client_secret_basic"]),
    )
    public = some({"id": texts, "authentication": st.just("none")})
    common: dict[str, Any] = {
        "issuers": st.lists(texts, max_size=1), "scopes": st.lists(texts, max_size=2),
        "audiences": st.lists(texts, max_size=1),
        "request": some(
            None, encoding=st.sampled_from(["application/json", "application/x-www-form-urlencoded"])
        ),
    }  # fmt: skip
    authority = st.sampled_from(["https://issuer.example.com", "http://issuer/realms/x/"])
    paths = {"token": st.sampled_from(["/token", "https://x/token"]), "revocation": st.just("/r")}
    endpoints = some({**paths, "introspection": st.just("/i")}) | st.just({})
    machine = {"authority": authority, "grant": st.just("client_credentials"), "client": client | public}
    person = {"authority": authority, "grant": st.just("password"), "username": texts, "password": texts}
    oidc = some(machine, **common) | some(person, **common, client=public)
    oauth2 = some(machine, **common, endpoints=endpoints) | some(person, **common, endpoints=endpoints)
    return one_of(
        basic=login,
        digest=login,
        bearer=some({"token": texts}) | secret,
        oauth2=oauth2 | secret,
        oidc=oidc | secret,
    )


authentications = policies() | st.just({"use": "service"})
endpoints = uris | some({"uri": uris}, authentication=authentications)

# --- tasks


def flow(**own: Any) -> dict[str, Any]:
    """What every task may have, beside its own optional members."""
    return {
        "if_": bare | expressions, "input": inputs, "output": outputs, "export": outputs,
        "timeout": st.just("soon") | some({"after": durations}),
        "then": st.sampled_from(["continue", "exit", "end"]),
        "metadata": st.just({"any": ["thing"]}), **own,
    }  # fmt: skip


def task(required: dict[str, Any], **own: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A task with at most three of what every task may have."""
    optional = {name.rstrip("_"): member for name, member in flow(**own).items()}
    chosen = st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({**required, **{name: optional[name] for name in names}})
    )


def call(name: str, arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return task({"call": st.just(name), "with": arguments})


texts_by_name = st.dictionaries(st.sampled_from(["X-A", "accept"]), texts, max_size=2)
https = some(
    {"method": st.sampled_from(["get", "POST", "put", "DELETE", "patch", "head"]), "endpoint": endpoints},
    headers=texts_by_name | expressions, query=texts_by_name | expressions, body=values,
    output=st.sampled_from(["content", "raw", "response"]), redirect=st.booleans(),
)  # fmt: skip
files = st.just("file:///srv/api.json")
openapis = some(
    {"document": some({"endpoint": endpoints | files}, name=st.just("x")), "operationId": st.just("getPet")},
    parameters=objects, authentication=authentications,
    output=st.sampled_from(["content", "raw", "response"]), redirect=st.booleans(),
)  # fmt: skip
agents = one_of(capability=st.just("a.b"), agent=st.just("someone@1.0.0")).flatmap(
    lambda who: some(
        {name: st.just(value) for name, value in who.items()}, input=values, idempotencyKey=st.just("k")
    )
)
tools = some({"tool": st.sampled_from(["a.b", "a.b@1.0.0"])}, args=values, idempotencyKey=st.just("k"))
humans = some(
    {"title": texts}, description=texts, form=st.just({"type": "object"}),
    decisions=st.lists(st.sampled_from(["yes", "no"]), min_size=1, unique=True),
)  # fmt: skip
attributes = some(
    {"type": st.sampled_from(["com.example.x", "${ . }"])},
    id=texts.filter(bool), source=st.sampled_from(["https://x", "/y", "${ .source }"]), subject=texts,
    time=st.just("2030-01-31T12:00:00Z"), datacontenttype=st.just("application/json"),
    dataschema=st.just("https://x/schema"), data=values, tenant=texts,
)  # fmt: skip
correlations = st.dictionaries(
    st.sampled_from(["order", "kind"]), some({"from": bare}, expect=texts), min_size=1, max_size=2
)
filters = some({"with": attributes}, correlate=correlations)
consumed = one_of(
    one=filters, all=st.lists(filters, min_size=1, max_size=2), any=st.lists(filters, max_size=2)
)
until = bare | consumed
listened = some(
    {"to": consumed | some({"any": st.lists(filters, max_size=1)}, until=until)},
    read=st.sampled_from(["data", "envelope", "raw"]),
)
emitted = some(
    {"type": st.sampled_from(["com.example.x", "${ .type }"])}, source=st.just("https://x"),
    subject=texts.filter(bool),
    data=values,
)  # fmt: skip
shells = some(
    {"command": st.sampled_from(["ls", 'echo "$1 ${HOME}"'])}, stdin=texts,
    arguments=st.lists(texts, max_size=2),
    environment=st.dictionaries(st.sampled_from(["A", "B_C"]), values, max_size=2),
)  # fmt: skip
scripts = some(
    {"language": st.sampled_from(["python", "js"]), "code": st.just("print(1)")}, stdin=texts,
    arguments=st.lists(texts, max_size=1), environment=st.just({"A": "1"}),
)  # fmt: skip
returned = st.sampled_from(["stdout", "stderr", "code", "all", "none"])
workflows = some(
    {"namespace": st.just("n"), "name": st.just("other"), "version": st.sampled_from(["1.0.0", "latest"])},
    input=objects,
)
processes = st.one_of(
    some({"shell": shells}, await_=st.just(True), return_=returned),
    some({"script": scripts}, await_=st.just(True), return_=returned),
    some({"workflow": workflows}, await_=st.booleans(), return_=st.sampled_from(["stdout", "none"])),
)

simple = st.one_of(
    task({"set": objects | expressions}),
    task({"wait": durations}),
    task({"raise": some({"error": errors | st.just("broken")})}),
    task(
        {
            "switch": st.lists(
                st.fixed_dictionaries({"case": some({"when": bare, "then": st.just("end")})}),
                min_size=1,
                max_size=2,
            )
        }
    ),
    task({"switch": st.just([{"rest": {"then": "exit"}}])}),
    call("http", https),
    call("openapi", openapis),
    call("agent", agents),
    call("tool", tools),
    call("human", humans),
    call("helper", objects),
    task({"call": st.just("helper")}),
    task({"emit": some({"event": some({"with": emitted})})}),
    task({"listen": listened}),
    task({"run": processes}),
)


def lists(tasks: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of named tasks."""
    return st.lists(st.tuples(Names, tasks), min_size=1, max_size=most, unique_by=lambda pair: pair[0]).map(
        lambda pairs: [{name: one} for name, one in pairs]
    )


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    below = lists(inner)
    matches = some(
        None, type=st.just("https://x/e"), status=st.just(404), title=st.just("t"), detail=st.just("d"),
        instance=st.just("/do"),
    ).filter(bool)  # fmt: skip
    catch = some(
        None,
        errors=some(None, with_=matches),
        as_=st.just("failure"), when=bare, exceptWhen=bare, retry=retries | st.just("later"), do=below,
        then=st.just("end"),
    )  # fmt: skip
    iterated = some(None, item=st.just("one"), at=st.just("number"), do=below, output=outputs, export=outputs)
    return st.one_of(
        task({"do": below}),
        task(
            {
                "for": some({"in": bare | st.just([{"a": 1}])}, each=st.just("one"), at=st.just("number")),
                "do": below,
            },
            while_=bare,
        ),
        task({"fork": some({"branches": below}, compete=st.booleans())}),
        task({"try": below, "catch": catch}),
        task({"listen": listened, "foreach": iterated}),
    )


tasks = st.recursive(simple, composed, max_leaves=4)


schedules: Any = st.one_of(
    st.fixed_dictionaries({"every": st.sampled_from(["PT1H", {"days": 1}])}),
    st.fixed_dictionaries({"cron": st.sampled_from(["*/5 9-17 * * MON-FRI", "@daily"])}),
    st.fixed_dictionaries({"after": st.just("PT10M")}),
    st.fixed_dictionaries(
        {
            "on": st.sampled_from(
                [
                    {"one": {"with": {"type": "a"}}}, {"any": []},
                    {"all": [{"with": {"type": "a"}, "correlate": {"k": {"from": ".data.k"}}}]},
                ]
            )
        },
        optional={"read": st.sampled_from(["data", "envelope", "raw"])},
    ),
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Whole documents."""
    described = {"title": "T", "summary": "S", "tags": {"a": "b"}, "metadata": {"x": 1}}
    header = {**HEADER, **(described if draw(st.booleans()) else {})}
    use = {
        "secrets": ["login"], "authentications": {"service": draw(policies())},
        "errors": {"broken": draw(errors)},
        "retries": {"later": draw(retries)}, "timeouts": {"soon": {"after": draw(fixed)}},
        "functions": {"helper": draw(simple.filter(lambda one: one.get("call") != "helper"))},
    }  # fmt: skip
    kinds = st.sampled_from("call composite emit for listen raise run set switch try wait all".split())
    extension = some({"extend": kinds}, when=bare, before=lists(simple), after=lists(simple))
    if draw(st.booleans()):
        use["extensions"] = [{"more": draw(extension)}]
    parts = draw(
        some(
            {"evaluate": st.sampled_from([{}, {"language": "jq", "mode": "loose"}, {"mode": "strict"}])},
            input=some(None, schema=schemas, from_=st.just(".a")), output=some(None, as_=st.just(".a")),
            timeout=st.just("soon"), schedule=schedules,
        )
    )  # fmt: skip
    return {"document": header, "use": use, **parts, "do": draw(lists(tasks, 3))}
