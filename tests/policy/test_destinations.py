"""Where URLs lead: every trick of spelling comes to the same place, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.facts.policy import Destination
from podium.policy.destinations import DestinationInvalid, destination_of, host_of, is_public
from tests.policy.making import asked, policies, tool

ALLOWLIST = (
    "egress: [{domains: [api.example.com, '*.corp.example', 'bücher.example', 203.0.113.9, '[2001:db8::1]'],"
    " schemes: [https], methods: [GET]}]\nrules: [{id: all, effect: allow}]"
)


def verdict(url: str, method: str = "GET", where: str = ALLOWLIST) -> str:
    try:
        there = destination_of(url, method)
    except DestinationInvalid:
        return "invalid"
    return asked(policies(where), tool(destinations=(there,))).verdict


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "HTTPS://API.EXAMPLE.COM/path?q=@evil.example#x",
        "https://api.example.com.",
        "https://api.example.com./path",
        "https://api.example.com:443/",
        "https://api.example.com:0443/",
        "https://api.example.com:/",
        "https://ａｐｉ.example.com/",
        "https://api。example。com/",
        "https://x.corp.example",
        "https://a.b.corp.example",
        "https://BÜCHER.example",
        "https://xn--bcher-kva.example",
    ],
)
def test_ways_to_write_what_is_listed(url: str) -> None:
    assert verdict(url) == "allow"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://api.example.com.evil.example",
        "https://evil.example/api.example.com",
        "https://evil.example?api.example.com",
        "https://evil.example#api.example.com",
        "https://evil.example;api.example.com",
        "https://corp.example",
        "https://xcorp.example",
        "https://api.example.com:8443",
        "http://api.example.com",
        "ftp://api.example.com",
        "https://api.example.com@evil.example",
        "https://api.example.com:x@evil.example",
        "https://user@api.example.com",
        "https://api.example.com%40evil.example",
        "https://api.example.com%2eevil.example",
        "https://api.example.com\\@evil.example",
        "https:\\\\api.example.com",
        "https:/api.example.com",
        "https:api.example.com",
        "//api.example.com",
        "api.example.com",
        "https://",
        "https:///api.example.com",
        "https://.api.example.com",
        "https://api..example.com",
        "https://api.example.com..",
        "https://api.example.com:99999",
        "https://api.example.com:0",
        "https://api.example.com:-1",
        "https://api.example.com:4４3",
        "https://api.example.com:443:80",
        " https://api.example.com",
        "https://api.example.com\n",
        "https://api.exa\tmple.com",
        "https://api.example.com\x00.evil.example",
        "https://api.example.com evil.example",
        "https://[api.example.com]",
        "https://[2001:db8::1%25eth0]",
        "https://[::1",
        "https://раypal.example",
        "file:///etc/passwd",
        "data:text/plain,hello",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_not_listed_stays_out(url: str) -> None:
    assert verdict(url) != "allow"


def test_the_method_counts() -> None:
    assert verdict("https://api.example.com", "POST") == "deny"
    assert verdict("https://api.example.com", "get") == "allow"


LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_ways_to_write_this_machine(host: str) -> None:
    assert destination_of(f"https://{host}/").host == "127.0.0.1"


PRIVATE = [
    *LOOPBACK,
    "0",
    "0.0.0.0",
    "10.0.0.5",
    "10.5",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[fec0::1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "localhost",
    "LOCALHOST.",
    "x.localhost",
    "printer.local",
    "hub.internal",
    "intranet",
    "nas.lan",
    "router.home.arpa",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_places_are_refused_even_where_they_are_listed(host: str) -> None:
    listed = f"egress: [{{domains: ['{host}'], schemes: [https]}}]\nrules: [{{id: all, effect: allow}}]"
    assert verdict(f"https://{host}/", "", listed) == "deny"
    wanted = listed.replace("schemes:", "denyPrivateRanges: false, schemes:")
    assert verdict(f"https://{host}/", "", wanted) == "allow"


@pytest.mark.parametrize("host", ["8.8.8.8", "1.1", "[2606:4700::1111]", "example.com", "[64:ff9b::808:808]"])
def test_public_places(host: str) -> None:
    assert is_public(host_of(host))


@pytest.mark.parametrize(
    "host",
    [
        "256.1.1.1",
        "1.2.3.4.5",
        "0x1g.1",
        "08.1.1.1",
        "4294967296",
        "1.2.3.256",
        "1..2",
        "0x",
        "1.0x100000000",
    ],
)
def test_numbers_that_are_no_address(host: str) -> None:
    try:
        found = host_of(host)
    except DestinationInvalid:
        return
    assert found == "0.0.0.0" and host == "0x"


def test_ports_and_regions_are_kept() -> None:
    assert destination_of("https://a.example:8443/x", "put", "eu") == Destination(
        "a.example", "https", "PUT", 8443, "eu"
    )


@pytest.mark.parametrize("ports", ["[8443]", "[443, 8443]"])
def test_ports_may_be_listed(ports: str) -> None:
    where = f"egress: [{{domains: [a.example], ports: {ports}}}]\nrules: [{{id: all, effect: allow}}]"
    assert verdict("https://a.example:8443", where=where) == "allow"
    assert verdict("https://a.example", where=where) == ("allow" if "443," in ports else "deny")


def test_where_nobody_knows_where_it_leads_it_is_denied() -> None:
    where = policies(
        "egress: [{match: {tools: [web.*]}, domains: [a.example]}]\nrules: [{id: all, effect: allow}]"
    )
    assert asked(where, tool("web.get")).verdict == "deny"
    assert asked(where, tool("mail.send")).verdict == "allow"


def test_one_of_several_entries_is_enough() -> None:
    where = policies(
        "egress:\n- {name: read, domains: [a.example], methods: [GET]}\n"
        "- {name: write, domains: [b.example], methods: [POST]}\nrules: [{id: all, effect: allow}]"
    )

    def rules(host: str, method: str) -> tuple[str, ...]:
        return asked(where, tool(destinations=(Destination(host, method=method),))).rules

    assert rules("a.example", "GET") == rules("b.example", "POST") == ("test/all",)
    assert rules("a.example", "POST") == ("test/egress/read", "test/egress/write")


def test_what_a_connection_is_held_to() -> None:
    entry = "egress: [{match: {kinds: [http]}, domains: [a.example]%s}]\nrules: [{id: all, effect: allow}]"

    def reach(more: str, kind: str = "http") -> str:
        action = tool(destinations=(Destination("a.example"),))
        action.kind = kind
        return asked(policies(entry % more), action).reach

    assert (reach(""), reach(", denyPrivateRanges: false"), reach("", "tool")) == ("public", "vetted", "")


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    for url in (text, "https://" + text, f"https://{text}.corp.example/", f"https://api.example.com{text}"):
        try:
            there = destination_of(url)
        except DestinationInvalid:
            continue
        assert there.host == host_of(there.host)
        assert there.host.isascii()
        assert there.host == there.host.lower()
        assert "@" not in there.host and "/" not in there.host


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_numbers_mean_one_address(number: int, form: str) -> None:
    from ipaddress import IPv4Address

    assert host_of(form.format(number)) == str(IPv4Address(number))
