"""The original request is read only from the header fields of the configured gateway."""

from __future__ import annotations

import pytest

from iiniit_guard.sidecar.settings.dialects import GATEWAYS, Dialect
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import (
    FIELDS,
    RULES,
    ask,
    bearer,
    make_sidecar,
    question,
    render,
)
from tests.integration.sidecar.sites import GATEWAYS as TESTED

each_gateway = pytest.mark.parametrize("gateway", TESTED)
by_header = pytest.mark.parametrize("gateway", sorted(FIELDS))


def scope(gateway, method="PATCH", target="/a/b?c=d", headers=(), **changes):
    asked, path, query, lines = question(gateway, method, target)
    return {
        "method": asked,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [*lines, *headers],
        **changes,
    }


def test_all_gateways_are_tested():
    assert set(TESTED) == set(GATEWAYS)


@each_gateway
def test_the_original_request_is_read(gateway):
    original = Dialect(gateway).read(
        scope(gateway, headers=[(b"authorization", b"Bearer x"), (b"cookie", b"a=b")])
    )

    assert original is not None
    assert (original.method, original.target, original.scheme, original.host) == (
        "PATCH",
        "/a/b?c=d",
        "https",
        b"api.test",
    )
    assert original.headers == [(b"authorization", b"Bearer x"), (b"cookie", b"a=b")]
    assert original.authorization == b"Bearer x"
    assert not original.overrides
    assert repr(original) == "Original(PATCH)"


@each_gateway
def test_it_becomes_the_request_that_the_client_made(gateway):
    original = Dialect(gateway).read(
        scope(gateway, target="/caf%C3%A9/x?c=%20", headers=[(b"origin", b"https://a.test")])
    )

    assert original is not None
    request = original.request()
    assert (request.method, request.path, request.query, request.scheme) == (
        "PATCH",
        "/café/x",
        b"c=%20",
        "https",
    )
    assert (request.header(b"host"), request.header(b"origin"), request.peer) == (
        b"api.test",
        b"https://a.test",
        None,
    )


@by_header
@pytest.mark.parametrize("field", ["method", "uri", "scheme", "host"])
def test_a_missing_or_repeated_header_is_400(gateway, field):
    name = FIELDS[gateway][field].encode()
    good = scope(gateway)
    without = [line for line in good["headers"] if line[0] != name]
    twice = [*good["headers"], next(line for line in good["headers"] if line[0] == name)]

    assert Dialect(gateway).read({**good, "headers": without}) is None
    assert Dialect(gateway).read({**good, "headers": twice}) is None


@by_header
@pytest.mark.parametrize(
    "field, value",
    [
        ("method", ""),
        ("method", "GET POST"),
        ("method", "GET\t"),
        ("method", "G" * 33),
        ("uri", ""),
        ("uri", "https://api.test/x"),
        ("uri", "*"),
        ("scheme", ""),
        ("scheme", "https,http"),
        ("scheme", "HTTPS"),
        ("host", ""),
        ("host", "api.test, evil.test"),
        ("host", "api.test/x"),
        ("host", "a" * 256),
    ],
)
def test_a_malformed_header_is_400(gateway, field, value):
    good = scope(gateway)
    name = FIELDS[gateway][field].encode()
    lines = [(key, value.encode() if key == name else old) for key, old in good["headers"]]

    assert Dialect(gateway).read({**good, "headers": lines}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"raw_path": b"/%61uth/a"},
        {"raw_path": b"/auth%2fa"},
        {"raw_path": b"/authx"},
        {"raw_path": None},
        {"headers": []},
        {"headers": [(b"host", b"a.test"), (b"host", b"b.test")]},
        {"headers": [(b"host", b"a.test"), (b"x-forwarded-proto", b"gopher")]},
        {
            "headers": [
                (b"host", b"a.test"),
                (b"x-forwarded-proto", b"http"),
                (b"x-forwarded-proto", b"https"),
            ]
        },
    ],
    ids=str,
)
def test_what_envoy_would_not_send_is_400(changes):
    assert Dialect("envoy").read({**scope("envoy"), **changes}) is None


def test_envoy_need_not_say_the_scheme_and_may_ask_about_the_root():
    original = Dialect("envoy").read(
        {
            "method": "GET",
            "raw_path": b"/auth",
            "query_string": b"",
            "headers": [(b"host", b"a.test")],
        }
    )

    assert original is not None
    assert (original.target, original.scheme) == ("/", "https")


@each_gateway
def test_another_dialect_is_not_looked_at(gateway):
    issuer = Issuer()
    others = {name: fields for name, fields in FIELDS.items() if fields != FIELDS.get(gateway)}
    lies = [
        (field.encode(), b"/open" if part == "uri" else b"GET")
        for fields in others.values()
        for part, field in fields.items()
    ]
    lies = [line for line in lies if gateway != "envoy" or line[0] != b"x-forwarded-proto"]
    sidecar = make_sidecar(issuer, gateway, rules=RULES)

    assert ask(sidecar, "GET", "/v1/user/profile", list(dict.fromkeys(lies))).status in (401, 403)
    assert (
        ask(
            sidecar, "GET", "/v1/user/profile", [*dict.fromkeys(lies), *bearer(issuer.token())]
        ).status
        == 200
    )


def test_the_questions_own_method_and_path_never_stand_in():
    sidecar = make_sidecar(Issuer(), "traefik", rules=RULES)
    from iiniit_guard.sidecar.apps.build import make_app
    from tests.contract.hosts.calling import drive

    answer = drive(make_app(sidecar, "gateway"), "GET", "/auth/open", [(b"host", b"guard")])

    assert (answer.status, answer.json["reason"]) == (400, "unknown_original")


def test_nginx_is_told_of_it_in_its_own_way():
    sidecar = make_sidecar(Issuer())
    from iiniit_guard.sidecar.apps.build import make_app
    from tests.contract.hosts.calling import drive

    answer = render(
        sidecar, drive(make_app(sidecar, "gateway"), "GET", "/auth", [(b"host", b"guard")])
    )

    assert (answer.status, answer.json["reason"], answer.json["error"]) == (
        400,
        "unknown_original",
        "invalid_request",
    )


def test_several_authorization_lines_are_none_that_could_be_looked_up():
    two = [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]
    original = Dialect("nginx").read(scope("nginx", headers=two))

    assert original is not None
    assert original.authorization is None
    assert original.headers == two


@pytest.mark.parametrize("name", ["x-http-method-override", "x_http_method", "x-method_override"])
def test_a_header_that_could_override_the_method_is_noticed(name):
    original = Dialect("nginx").read(scope("nginx", headers=[(name.encode(), b"DELETE")]))

    assert original is not None
    assert original.overrides


def test_what_was_found_well_formed_is_kept_within_bounds():
    dialect = Dialect("nginx")
    for number in range(2100):
        assert dialect.read(scope("nginx", method=f"M{number}")) is not None

    assert len(dialect._well_formed) <= 1024
