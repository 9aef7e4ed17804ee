"""DPoP with the tokens of oidc-provider, for clients that others wrote (RFC 9449)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import httpx2
import pytest

from tests.integration.interop.conftest import HOSTS
from tests.integration.interop.node import FORMATS, HERE, Exchange, version_of

pytestmark = pytest.mark.xdist_group("interop")

LIBRARIES = ("oauth4webapi", "openid", "requests_oauth2client")
EACH_HOST = pytest.mark.parametrize("host", HOSTS)
EACH_KIND = pytest.mark.parametrize("kind", FORMATS)


Send = Callable[..., tuple[int, str | None]]


@pytest.fixture(scope="module")
def send() -> Iterator[Send]:
    """Return a function that sends the request of a thief and returns the status and the reason."""
    with httpx2.Client(trust_env=False) as client:

        def send_it(url: str, *fields: tuple[str, str]) -> tuple[int, str | None]:
            answer = client.get(url, headers=list(fields))
            return answer.status_code, answer.json().get("reason")

        yield send_it


def claims(exchange: Exchange) -> dict[str, Any]:
    payload = exchange.sent["dpop"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


@EACH_KIND
@EACH_HOST
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_client_repeats_its_request_with_the_nonce(run, apis, issuer, library, host, kind):
    report = run(library, host, kind)

    tokens = report.to(f"{issuer}/token")
    assert [(one.status, one.document.get("error")) for one in tokens] == [
        (400, "use_dpop_nonce"),
        (200, None),
    ]
    assert tokens[1].document["token_type"] == "DPoP"
    refused, granted = report.to(apis[host])
    assert refused.outcome == (401, "proof_nonce_required")
    assert refused.document["error"] == "use_dpop_nonce"
    assert granted.sent["authorization"] == f"DPoP {report.token}"
    assert granted.status == 200
    assert claims(granted)["nonce"] == refused.received["dpop-nonce"]


@EACH_KIND
@EACH_HOST
def test_bearer_tokens_of_the_same_server_need_no_proof(run, apis, host, kind):
    report = run("oauth4webapi", host, kind, bound=False)

    (granted,) = report.to(apis[host])
    assert granted.sent["authorization"] == f"Bearer {report.token}"
    assert granted.status == 200


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "RS256", "PS256"])
@pytest.mark.parametrize("library", ["oauth4webapi", "openid"])
def test_each_algorithm_of_a_client_is_accepted(run, apis, library, algorithm):
    report = run(library, "uvicorn", algorithm=algorithm)

    assert [one.status for one in report.to(apis["uvicorn"])] == [401, 200]


@EACH_KIND
@EACH_HOST
def test_a_stolen_token_is_refused_without_the_key(run, apis, send, host, kind):
    report = run("oauth4webapi", host, kind)
    used = report.to(apis[host])[-1]
    proof, dpop = ("DPoP", used.sent["dpop"]), ("Authorization", f"DPoP {report.token}")
    bearer = ("Authorization", f"Bearer {report.token}")

    assert used.status == 200
    assert send(apis[host], dpop, proof) == (401, "replayed_proof")
    assert send(apis[host], dpop) == (401, "no_proof")
    assert send(apis[host], bearer) == (401, "unsupported_confirmation")
    assert send(apis[host], bearer, proof) == (401, "unsupported_confirmation")
    assert send(apis[host] + "/other", dpop, proof) == (401, "wrong_proof_target")


@EACH_KIND
@EACH_HOST
@pytest.mark.parametrize("library", ["oauth4webapi", "openid"])
def test_a_thief_with_a_key_of_its_own_is_refused(run, apis, library, host, kind):
    stolen = run(library, host, kind).token

    report = run(library, host, kind, token=stolen)

    assert [one.outcome for one in report.to(apis[host])] == [
        (401, "proof_nonce_required"),
        (401, "wrong_proof_key"),
    ]
    (first, *_) = report.challenges
    assert (first["scheme"], first["error"]) == ("dpop", "invalid_token")


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "htu of another host": (
        {"htu": "http://other.example/v1/user/profile"},
        "wrong_proof_target",
        "invalid_dpop_proof",
    ),
    "htu without a host": ({"htu": "/v1/user/profile"}, "wrong_proof_target", "invalid_dpop_proof"),
    "htm of another method": ({"htm": "PATCH"}, "wrong_proof_target", "invalid_dpop_proof"),
    "ath of another token": ({"ath": "A" * 43}, "wrong_proof_token", "invalid_dpop_proof"),
    "a nonce that another server made": (
        {"nonce": "A" * 43},
        "proof_nonce_required",
        "use_dpop_nonce",
    ),
    "no jti": ({"jti": None}, "malformed_proof", "invalid_dpop_proof"),
}


@EACH_HOST
@pytest.mark.parametrize(("changes", "reason", "error"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_proof_is_refused_and_the_client_understands(
    run, apis, host, changes, reason, error
):
    report = run("oauth4webapi", host, claims=changes)

    last = report.to(apis[host])[-1]
    assert last.outcome == (401, reason)
    (first, *_) = report.challenges
    assert (first["scheme"], first["error"]) == ("dpop", error)


def test_the_docs_name_the_versions():
    """The guides name the versions that the tests of this directory run."""
    python = f"requests-oauth2client {version('requests-oauth2client')}"
    server, *clients = (
        f"{package} {version_of(package)}"
        for package in ("oidc-provider", "oauth4webapi", "openid-client")
    )
    for guide, names in (
        ("dpop", [server, *clients, python]),
        ("mutual-tls", [server, python]),
        ("signed-introspection", [server]),
    ):
        text = (HERE.parents[2] / "docs" / "how-to" / f"{guide}.md").read_text(encoding="utf-8")
        assert [name for name in names if name not in text] == []
