"""Tokens of oidc-provider that are bound to a certificate, behind nginx with TLS (RFC 8705)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.interop import python_client
from tests.integration.interop.gateway import TlsSite
from tests.integration.interop.node import BOUND_FORMATS, SECRET, Report

pytestmark = pytest.mark.xdist_group("interop")

PROFILE = "/v1/user/profile"
EACH_KIND = pytest.mark.parametrize("kind", BOUND_FORMATS)


@pytest.fixture(scope="module")
def site(server, authority) -> Iterator[TlsSite]:
    with TemporaryDirectory(prefix="interop-tls-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        directory.chmod(0o755)  # nginx, which root starts, works as www-data
        with TlsSite(server.issuer, directory, authority) as running:
            yield running


@pytest.fixture
def call(server, authority, site):
    """Return a function with which a client gets a token with its certificate and calls the API."""

    def call_it(certificate, kind) -> Report:
        return python_client.run(
            {
                "issuer": server.issuer,
                "tls_url": server.tls_url,
                "authority": authority.ca_file,
                "certificate": (certificate.certificate_file, certificate.key_file),
                "client": kind,
                "secret": SECRET,
                "scope": "user:read",
                "bound": False,
                "url": site.url + PROFILE,
            }
        )

    return call_it


@EACH_KIND
def test_the_token_works_with_its_certificate_only(call, authority, site, kind):
    own, other = authority.issue("client-1"), authority.issue("client-2")

    report = call(own, kind)

    (granted,) = report.to(site.url)
    assert granted.status == 200
    bearer = {"Authorization": f"Bearer {report.token}"}
    for certificate, reason in ((other, "wrong_certificate"), (None, "no_certificate")):
        status, problem = site.get(PROFILE, certificate, **bearer)
        assert (status, problem["reason"]) == (401, reason)
    assert site.get(PROFILE, own, **bearer)[0] == 200
