"""How a hostile text reaches each reader."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import io
import json
from http.client import HTTPException, parse_headers
from typing import Any

from iiniit_guard.core.issuer.metadata import load_metadata, metadata_urls
from iiniit_guard.core.jose.jwk import read_jwk_set
from iiniit_guard.core.model.flow import Connection, HttpResponse


def parse_fields(fields: list[tuple[bytes, bytes]]) -> None:
    for start in range(0, len(fields), 99):  # `parse_headers` reads at most 100
        parse_headers(
            io.BytesIO(
                b"".join(b"%b: %b\r\n" % pair for pair in fields[start : start + 99]) + b"\r\n"
            )
        )


def decode_jwt(text: bytes) -> None:
    with contextlib.suppress(ValueError, binascii.Error, HTTPException):
        for place, segment in enumerate(text.split(b".")):
            octets = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
            if place < 2:
                json.loads(octets)


def load_json(text: bytes) -> None:
    json.loads(text)


def load_words(text: bytes) -> None:
    document = json.loads(text)
    set(document["scope"].split(" ") if "scope" in document else document["aud"])


def parse_keys(text: bytes) -> object:
    return _finish(read_jwk_set(text), None)


def _finish(flow: Any, reply: object) -> object:
    """Run a flow and answer its every effect with `reply`."""
    try:
        flow.send(None)
        while True:
            flow.send(reply)
    except StopIteration as done:
        return done.value


def parse_metadata(text: bytes) -> object:
    urls = metadata_urls("https://issuer.test")[:1]
    return _finish(
        load_metadata(urls, "https://issuer.test", Connection(1, 1, None, None, None, None)),
        HttpResponse(200, (), text),
    )


def step(coroutine: Any) -> object:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    return asyncio.CancelledError
