"""The function that parses each untrusted input, and its counterpart in the standard library."""

from __future__ import annotations

import io
import json
import posixpath
from collections.abc import Callable, Iterator
from http.client import parse_headers
from itertools import count
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import parse_http_list

from iiniit_guard import ClientSecretBasic, Guard, Request
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.sidecar.gateway.introspect import introspect
from iiniit_guard.sidecar.settings.introspection_clients import (
    IntrospectionClient,
    IntrospectionClients,
)
from iiniit_guard.testing import Issuer
from tests.contract.cases.hostile_readers import (
    decode_jwt,
    load_json,
    load_words,
    parse_fields,
    parse_keys,
    parse_metadata,
    step,
)
from tests.contract.cases.hostile_texts import (
    CLAIMS,
    HEADERS,
    JSON,
    QUERIES,
    TARGETS,
    forms,
    tokens,
)


class Call(NamedTuple):
    """One hostile text, ready to be parsed.

    Attributes:
        input: The name of the untrusted input.
        name: The name of the text.
        size: Its length in bytes.
        ours: Parses it as the package parses a request or an answer.
        theirs: Parses it by the standard library.
    """

    input: str
    name: str
    size: int
    ours: Callable[[], object]
    theirs: Callable[[], object]


SIZES: Final = {
    "header": 60_000,
    "token": 16_384,
    "query": 65_536,
    "path": 65_536,
    "JWKS": 262_144,
    "metadata": 262_144,
    "introspection answer": 262_144,
    "/introspect body": 24_000,
}
"""Bytes at which each input is measured: its bound, or the bound of common servers; of documents a
quarter of the bound.
"""


class World:
    """A guard, and every parser of untrusted input."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.guard = self.issuer.guard(introspection=None)
        good = self.issuer.token()
        self.guard.verify(good)
        self.known_header = good.split(".")[0].encode()
        self.rules = Rules(
            [
                Rule("GET", "/a/<id>"),
                Rule("GET", "/a/<int:n>/x"),
                Rule("POST", "/b/<x>-<y>"),
                Rule("GET", "/c/<path:p>"),
            ]
        )
        self.admission = make_admission(["/static/*"], rules=self.rules)
        self.answer = b""
        self._numbers = count()
        self._asking = Guard(
            issuer="https://issuer.test",
            audience="https://api.test",
            introspection_endpoint="https://issuer.test/introspect",
            introspection=ClientSecretBasic("api", "secret"),
            transport=lambda request: HttpResponse(
                200, (("content-type", "application/json"),), self.answer
            ),
            clock=self.guard._engine.resource.clock,
        )
        digest = (
            "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
        )
        self._callers = IntrospectionClients(
            [IntrospectionClient("gateway", digest, frozenset({"https://api.test"}))]
        )

    def calls(self, part: str, size: int) -> Iterator[Call]:
        """Return every hostile text for one input."""
        makers = {
            "header": self._headers,
            "token": self._tokens,
            "query": self._queries,
            "path": self._paths,
            "JWKS": self._documents,
            "metadata": self._documents,
            "introspection answer": self._answers,
            "/introspect body": self._forms,
        }
        return makers[part](part, size)

    def _headers(self, part: str, size: int) -> Iterator[Call]:
        for hostile in HEADERS:
            text = hostile.make(size)
            request = Request("GET", "/", headers=[(b"authorization", text)])
            lines = io.BytesIO(b"authorization: " + text + b"\r\n\r\n").getvalue()
            theirs = (
                (lambda text=text: parse_http_list(text.decode("latin-1")))
                if b"=" in text[:12] and b"," in text
                else (lambda lines=lines: parse_headers(io.BytesIO(lines)))
            )
            yield Call(
                part,
                hostile.name,
                size,
                lambda request=request: self.guard.authenticate(request),
                theirs,
            )
        fields = [(b"x-%d" % number, b"") for number in range(size // 12)]
        yield Call(
            part,
            "fields",
            size,
            lambda: self._decide(Request("OPTIONS", "/a/x", headers=fields)),
            lambda: parse_fields(fields),
        )

    def _tokens(self, part: str, size: int) -> Iterator[Call]:
        for name, text in tokens(size, self.known_header).items():
            request = Request("GET", "/", headers=[(b"authorization", b"Bearer " + text)])
            yield Call(
                part,
                name,
                size,
                lambda request=request: self.guard.authenticate(request),
                lambda text=text: decode_jwt(text),
            )

    def _queries(self, part: str, size: int) -> Iterator[Call]:
        headers = [(b"origin", b"https://app.test"), (b"access-control-request-method", b"GET")]
        for hostile in QUERIES:
            text = hostile.make(size)
            # a new one for each call
            request = lambda text=text: Request("OPTIONS", "/a/x", text, headers)  # noqa: E731
            separator = "&" if b"&" in text else ";"
            yield Call(
                part,
                hostile.name,
                size,
                lambda request=request: self._decide(request()),
                lambda text=text, separator=separator: parse_qsl(
                    text, keep_blank_values=True, separator=separator
                ),
            )

    def _paths(self, part: str, size: int) -> Iterator[Call]:
        for hostile in TARGETS:
            target = hostile.make(size).decode("latin-1")
            yield Call(
                part,
                hostile.name,
                size,
                lambda target=target: self.rules.policy_for_target("GET", target),
                lambda target=target: posixpath.normpath(unquote(urlsplit(target).path)).split("/"),
            )

    def _documents(self, part: str, size: int) -> Iterator[Call]:
        texts = {hostile.name: b'{"keys":[],' + hostile.make(size)[1:] for hostile in JSON}
        if part == "JWKS":
            texts["keys"] = b'{"keys":[%b{}]}' % (
                b'{"kty":"RSA","n":"AQAB","e":"AQAB"},' * (size // 36)
            )
            texts["operations"] = b'{"keys":[{"kty":"RSA","key_ops":[%b"verify"]}]}' % (
                b'"a",' * (size // 4)
            )
            texts["a modulus"] = b'{"keys":[{"kty":"RSA","e":"AQAB","n":"%b"}]}' % (b"A" * size)
            read: Callable[[bytes], object] = parse_keys
        else:
            read = parse_metadata
        for name, text in texts.items():
            yield Call(
                part, name, size, lambda text=text: read(text), lambda text=text: load_json(text)
            )

    def _answers(self, part: str, size: int) -> Iterator[Call]:
        claims = {
            "active": True,
            "iss": "https://issuer.test",
            "exp": self.issuer.clock.wall() + 300,
            "aud": "https://api.test",
            "client_id": "c",
        }
        for hostile in [*JSON, *CLAIMS]:
            made = hostile.make(size)
            own = {
                name: value
                for name, value in claims.items()
                if b'"%b":' % name.encode() not in made[:10]
            }
            inner = made[1:] if made[:1] == b"{" else made + b"}"
            text = json.dumps(own).encode()[:-1] + b"," + inner

            def ours(text: bytes = text) -> object:
                self.answer = text
                self._asking._engine.resource.cache.clear()  # or the collector visits them all
                token = b"opaque-%d" % next(self._numbers)
                return self._asking.authenticate(
                    Request("GET", "/", headers=[(b"authorization", b"Bearer " + token)])
                )

            theirs = load_json if hostile not in CLAIMS else load_words
            yield Call(
                part, hostile.name, size, ours, lambda text=text, theirs=theirs: theirs(text)
            )

    def _forms(self, part: str, size: int) -> Iterator[Call]:
        scope = {
            "method": "POST",
            "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        }
        for name, body in forms(size).items():

            async def receive(body: bytes = body) -> dict[str, Any]:
                return {"type": "http.request", "body": body}

            def ours(receive: Any = receive) -> object:
                return step(
                    introspect(
                        scope, receive, self.guard._engine, self._callers, lambda event: None
                    )
                )

            yield Call(
                part,
                name,
                size,
                ours,
                lambda body=body: parse_qsl(body.decode(), keep_blank_values=True),
            )

    def _decide(self, request: Request) -> object:
        wanted = self.admission.policy_for(request)
        return wanted if isinstance(wanted, str) else self.guard.authenticate(request, wanted)
