"""Where mail leads: one address, read in one way, or none."""

from __future__ import annotations

import pytest

from podium.policy.destinations import DestinationInvalid, mailbox_of


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("ada@letters.example", "letters.example"),
        ("Ada.L+tea@LETTERS.example.", "letters.example"),
        ("ada@bücher.example", "xn--bcher-kva.example"),
        ("root@127.1", "127.0.0.1"),
    ],
)
def test_an_address_leads_to_its_host(address: str, host: str) -> None:
    reached = mailbox_of(address, "eu")
    assert (reached.host, reached.scheme, reached.region) == (host, "mailto", "eu")


@pytest.mark.parametrize(
    "address",
    [
        "ada", "@letters.example", "ada@", " ada@letters.example", "ada@letters.example\n",
        "ada@letters.example,eve@evil.example", "ada@evil.example@letters.example",
        "Ada <ada@letters.example>", '"eve@evil.example"@letters.example',
        "eve%evil.example@letters.example", "evil.example!eve@letters.example",
        "ada@letters.example\nBcc: eve@evil.example", "ada@letters.example?cc=eve", "ada@[127.0.0.1]x",
        None, 7, ["ada@letters.example"],
    ],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_refused(address: object) -> None:
    with pytest.raises(DestinationInvalid):
        mailbox_of(address)
