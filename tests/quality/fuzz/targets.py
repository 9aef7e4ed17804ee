"""One target per parser: no input raises, and accepted input satisfies an independent check."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from iiniit_guard.core.http.bearer import Credential, credential_of
from iiniit_guard.core.issuer.metadata import load_metadata, retry_after
from iiniit_guard.core.issuer.rejection import parse_answer
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws
from iiniit_guard.core.model.flow import Connection, HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.settings import settings_from_env, settings_from_file
from iiniit_guard.rules import Rule, Rules, from_openapi, rules_from_tables
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.jws import encode
from tests.contract.cases.jose_checks import parse_jwk_set
from tests.contract.cases.jws_texts import is_jws, parse_jws
from tests.unit.core.stepping import KEY, Steps, key_set, make_clock, make_server

Target: TypeAlias = Callable[[bytes], None]

ISSUER: Final = Issuer()
SEED_TOKEN: Final = ISSUER.token()
_ALL: Final = frozenset(ALGORITHMS)
_RULES: Final = Rules(
    [
        Rule("GET", "/healthz", public=True),
        Rule("*", "/", scopes="root"),
        Rule("*", "/v1/<path:rest>", scopes="v1"),
        Rule("GET", "/v1/user/<int:number>", scopes="user:read"),
        Rule("*", "/files/<name>", scopes="file", allow_encoded_slash=True),
    ]
)
_SECRET: Final = "correct-horse-battery-staple"


def authorization(data: bytes) -> None:
    """Parse the Authorization fields, one per line, and the query after a NUL."""
    lines, _, query = data.partition(b"\0")
    values = lines.split(b"\n")
    request = Request("GET", "/", query, [(b"authorization", value) for value in values])
    found = credential_of(request, frozenset({"bearer", "apikey"}), 4096)
    if isinstance(found, Problem):
        return
    assert isinstance(found, Credential)
    assert len(values) == 1
    assert found.value.encode("latin-1") in values[0]
    assert len(found.value) <= 4096
    assert found.scheme != "bearer" or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", found.value)


def jws(data: bytes) -> None:
    """Parse a token: the raw input, or its three parts, which the target encodes."""
    if data[:1] == b"\x01":
        token = ".".join(encode(part) for part in data[1:].split(b"\0"))
    elif data[:1] == b"\x02":
        token = SEED_TOKEN.partition(".")[0] + "." + encode(data[1:]) + ".AAAA"
    else:
        token = data.decode("latin-1")
    parsed = parse_jws(token, _ALL)
    if isinstance(parsed, Problem):
        assert parsed.code == "invalid_token"
        if token.isascii():
            is_jws(token)
        return
    assert isinstance(parsed, Jws)
    assert is_jws(token)
    # One token, one spelling.
    header, payload, signature = token.split(".")
    assert encode(parsed.signature) == signature
    assert parsed.signing_input == f"{header}.{payload}".encode()
    assert parsed.header.alg in _ALL


def strict_json(data: bytes) -> None:
    """Parse JSON, and compare with the parser of Python."""
    parsed = parse_object(data)
    if parsed is None:
        return
    assert json.loads(data.decode("utf-8")) == parsed
    assert b"\xef\xbb\xbf" not in data[:3]
    json.dumps(parsed, ensure_ascii=False).encode("utf-8")


def jwk_set(data: bytes) -> None:
    """Parse a JWK Set: no key is symmetric or verifies a foreign signature."""
    parsed = parse_jwk_set(data)
    if parsed is None:
        return
    assert isinstance(parsed, JwkSet)
    for key in parsed.keys:
        for alg in key.algorithms:
            assert alg in _ALL
            for found in parsed.find(key.kid, alg):
                for length in (0, 64, 256):
                    assert not found.verifies(b"never signed", b"\x01" * length)


def introspection_answer(data: bytes) -> None:
    """Parse an introspection response and check its claims."""
    parsed = parse_answer(HttpResponse(200, (("content-type", "application/json"),), data))
    if isinstance(parsed, Unreachable):
        return
    assert json.loads(data)["active"] is parsed["active"]
    with ISSUER.guard(transport=_answering(data)) as guard:
        decision = guard.authenticate(
            Request("GET", "/", headers=[(b"authorization", b"Bearer opaque")])
        )
    if getattr(decision, "status", None) is None:
        assert parsed["active"] is True
        assert "https://api.test" in (
            parsed["aud"] if isinstance(parsed["aud"], list) else [parsed["aud"]]
        )
    else:
        _sendable(decision)


def _answering(data: bytes) -> Callable[[Any], Any]:
    def handle(request: Any) -> Any:
        if request.method == "POST":
            return HttpResponse(200, (("content-type", "application/json"),), data)
        return ISSUER.handle(request)

    return handle


def metadata(data: bytes) -> None:
    """Parse authorization server metadata: accepted endpoints are https."""
    load = load_metadata((f"{ISSUER.issuer}/metadata",), ISSUER.issuer, Connection())
    found = Steps(load).send(HttpResponse(200, (), data)).result
    if isinstance(found, Unreachable):
        return
    parsed, _ = found
    assert parsed["issuer"] == ISSUER.issuer
    asked: list[str] = []

    def handle(request: Any) -> Any:
        asked.append(request.url)
        return HttpResponse(200, (), data)

    with ISSUER.guard(transport=handle) as guard:
        for token in (SEED_TOKEN, "opaque"):
            _sendable(
                guard.authenticate(
                    Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])
                )
            )
    assert all(url.lower().startswith("https://") for url in asked)


def _sendable(decision: Any) -> None:
    assert decision.status in (400, 401, 403, 503)
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for _, value in decision.headers)


def response_headers(data: bytes) -> None:
    """Parse `Cache-Control` and `Retry-After`."""
    text = data.decode("latin-1")
    reply = HttpResponse(503, (("cache-control", text), ("retry-after", text)))
    assert 1 <= retry_after(reply) <= 60
    keys = make_server(make_clock()).keys
    _, lifetime = Steps(keys._load()).send(key_set(KEY, control=text)).result
    assert 300 <= lifetime <= 3600


def rule_paths(data: bytes) -> None:
    """Match a path and a raw target: a public path matches exactly."""
    method = {0: "GET", 1: "HEAD", 2: "POST"}.get(data[0] % 4 if data else 0, "g\u00e9t")
    raw = data[1:].decode("latin-1")
    path = data[1:].decode("utf-8", "replace")
    override, _, value = raw.partition("\n")
    headers = [(b"x-http-method-override", value.encode("latin-1"))] if value else []
    answers = [
        (path, _RULES.policy_for(Request(method, path))),
        (raw.partition("?")[0], _RULES.policy_for_target(method, raw)),
        (override.partition("?")[0], _RULES.policy_for_target(method, override, headers)),
        (
            override.partition("?")[0],
            _RULES.policy_for_target(method, override.encode("latin-1"), headers),
        ),
    ]
    for asked, answer in answers:
        if isinstance(answer, Problem):
            assert answer.reason in (Reason.NO_RULE, Reason.AMBIGUOUS_PATH, Reason.METHOD_OVERRIDE)
        elif answer == "pass":
            assert asked == "/healthz"
            assert method in ("GET", "HEAD")


def rule_texts(data: bytes) -> None:
    """Parse rules from TOML and from an OpenAPI document."""
    import tomllib

    text = data.decode("utf-8", "replace")
    try:
        tables = tomllib.loads(text).get("rules", [])
    except ValueError:
        tables = [{"path": text, "method": "GET"}]
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        _only_settings_errors(lambda: rules_from_tables(tables))
    document = parse_object(data)
    if document is not None:
        _only_settings_errors(lambda: from_openapi(document))


def settings_text(data: bytes) -> None:
    """Parse settings from the environment and from a file; no message contains the secret."""
    text = data.decode("utf-8", "replace")
    environ = {}
    for line in text.split("\n"):
        name, _, value = line.partition("=")
        environ["IINIIT_GUARD_" + name.strip().upper()] = value.replace("\0", "")
    environ["IINIIT_GUARD_INTROSPECTION_CLIENT_SECRET"] = _SECRET
    _only_settings_errors(lambda: make_settings(settings_from_env(environ)))
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(f'introspection_client_secret = "{_SECRET}"\n'.encode() + data)
        _only_settings_errors(lambda: make_settings(settings_from_file(file.name)))


def _only_settings_errors(make: Callable[[], object]) -> None:
    told: list[str] = []
    try:
        told.append(repr(make()))
    except SettingsError as error:
        told += [*error.faults, str(error)]
    assert told
    assert not any(_SECRET in text for text in told)


def requests_of_servers(data: bytes) -> None:
    """Parse WSGI environs and ASGI scopes."""
    parts = data.split(b"\0")
    texts = [part.decode("latin-1") for part in parts]
    names = [
        "REQUEST_METHOD",
        "PATH_INFO",
        "QUERY_STRING",
        "HTTP_AUTHORIZATION",
        "HTTP_X",
        "CONTENT_LENGTH",
        "REMOTE_ADDR",
    ]
    environ = dict(zip(names, texts, strict=False))
    lines = [(b"authorization", part) for part in parts]
    path = data.decode("utf-8", "replace")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "root_path": texts[0],
        "query_string": data,
        "headers": lines,
    }
    for request in (request_from_environ(environ), request_from_scope(scope)):
        found = credential_of(request, frozenset({"bearer"}), 4096)
        assert isinstance(found, (Credential, Problem))
        assert request.path in path or request.path in data.decode("utf-8", "replace")


TARGETS: Final[dict[str, Target]] = {
    "authorization": authorization,
    "jws": jws,
    "strict_json": strict_json,
    "jwk_set": jwk_set,
    "introspection_answer": introspection_answer,
    "metadata": metadata,
    "response_headers": response_headers,
    "rule_paths": rule_paths,
    "rule_texts": rule_texts,
    "settings_text": settings_text,
    "requests_of_servers": requests_of_servers,
}
