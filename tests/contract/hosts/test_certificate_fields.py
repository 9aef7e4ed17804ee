"""The client certificate in the header field of a proxy, on every host."""

from __future__ import annotations

import pytest

from tests.contract.cases.case import Allowed, play, verdict
from tests.contract.cases.certificate_fields import CASES
from tests.contract.cases.mutual_tls import BOUND
from tests.contract.hosts.builders import HOSTS
from tests.contract.hosts.tls import RFC8705, RFC9440

# A WSGI server joins repeated fields, so a list of Traefik is accepted only from ASGI servers.
CHAIN = f"{RFC8705},{RFC9440}".encode()


# The guard reads TLS through its host. A plain `Request` contains the certificate itself.
@pytest.mark.parametrize("host", HOSTS, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_host_reads_the_field_alike(case, host):
    answer, scene = play(case, host.call)

    if isinstance(case.expected, Allowed):
        assert answer.status == 200
        return
    challenge = answer.header("www-authenticate")
    assert verdict(answer.status, challenge, scene.events[-1].reason) == case.expected


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_chain_of_traefik(host, issuer):
    guard = issuer.guard(client_certificate="traefik", trusted_proxies=["127.0.0.1"])
    bearer = (b"authorization", f"Bearer {issuer.token(cnf=BOUND)}".encode())
    field = b"x-forwarded-tls-client-cert"

    chain = host.call(guard, headers=[bearer, (field, CHAIN)])
    twice = host.call(guard, headers=[bearer, (field, CHAIN), (field, RFC8705.encode())])

    joins = host.name in ("wsgi", "flask", "django", "rest framework")
    assert (chain.status, chain.json.get("reason")) == (
        (401, "malformed_certificate") if joins else (200, None)
    )
    assert (twice.status, twice.json["reason"]) == (401, "malformed_certificate")
