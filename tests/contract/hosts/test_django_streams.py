"""Streams of a Django application: aborted, watched, or sent by the server."""

from __future__ import annotations

import asyncio
from io import BufferedReader, BytesIO, FileIO
from typing import Any

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.http import FileResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import path

from iiniit_guard.django import GuardMiddleware, require_scope
from iiniit_guard.django.responses import RequestRefused
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import joined
from tests.contract.hosts.django_site import dropped, sites, subject


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


def chunks(request):
    yield b"first"
    dropped(request)
    yield b"secret"


async def chunks_async(request):
    for chunk in chunks(request):
        yield chunk


def last_chunk(request):
    yield b"first"
    dropped(request)


async def last_chunk_async(request):
    for chunk in last_chunk(request):
        yield chunk


def allowed(request):
    require_scope("user:read")(subject)(request)
    yield b"first"
    yield b"secret"


async def allowed_async(request):
    for chunk in allowed(request):
        yield chunk


def stream_of(sync, asynchronous):
    """Return a view with a stream of the kind that its server needs."""
    return lambda request: StreamingHttpResponse(
        (asynchronous if hasattr(request, "scope") else sync)(request)
    )


def begun(response):
    async def collect_async():
        async for chunk in response.streaming_content:
            sent[:] = [*sent, chunk]

    sent: list[bytes] = []
    with pytest.raises(RequestRefused):
        asyncio.run(collect_async()) if response.is_async else sent.extend(
            response.streaming_content
        )
    return sent


@pytest.mark.parametrize("made", [chunks, last_chunk, chunks_async, last_chunk_async])
def test_a_stream_that_has_begun_is_aborted(guard, bearer, made):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        response = GuardMiddleware(lambda request: StreamingHttpResponse(made(request)))(request)
    assert begun(response) == [b"first"]


def test_a_server_sees_the_abort(site, bearer):
    requests = []

    def handler(request):
        requests.append(request)
        return stream_of(chunks, chunks_async)(request)

    with pytest.raises(RequestRefused):
        site(path("x", handler))("/x", bearer("other"))
    requests[0].close()  # which Django leaves open where a response is aborted


def test_a_stream_without_a_refusal_is_whole(site, bearer):
    assert site(path("x", stream_of(allowed, allowed_async)))("/x", bearer()) == (
        200,
        "firstsecret",
    )


def test_a_file_may_still_be_sent_by_the_server(guard, bearer, tmp_path):
    (tmp_path / "file").write_bytes(b"all of it")
    with django_project.configured(IINIIT_GUARD=guard):
        for opened in (
            BytesIO(b"all of it"),
            FileIO(tmp_path / "file"),
            BufferedReader(FileIO(tmp_path / "file")),
            File(BufferedReader(FileIO(tmp_path / "file"))),
            ContentFile(b"all of it"),
        ):
            request = RequestFactory().get("/x", **joined(bearer()))
            response: Any = GuardMiddleware(lambda request, file=opened: FileResponse(file))(
                request
            )
            assert response.file_to_stream is opened
            assert response.getvalue() == b"all of it"
            response.close()


class AsksWhenRead(BytesIO):
    """A file of the application that calls a guarded helper when it is read."""

    request: Any = None

    def read(self, size=-1):
        dropped(self.request)
        return super().read(size)

    def readinto(self, buffer):
        dropped(self.request)
        return super().readinto(buffer)


class OurFile(File):
    def read(self, size=-1):
        return self.file.read(size)


class OurFileResponse(FileResponse):
    pass


def plain_with_own_read(file):
    plain = BytesIO(b"secret")
    plain.read = file.read  # type: ignore[method-assign]
    return plain


@pytest.mark.parametrize(
    "around",
    [
        lambda file: file,
        BufferedReader,
        File,
        OurFile,
        plain_with_own_read,
        lambda file: File(File(file)),
        lambda file: File(BufferedReader(file)),
    ],
    ids=[
        "subclass",
        "buffer",
        "File",
        "subclass of File",
        "attribute",
        "File of File",
        "File of buffer",
    ],
)
def test_a_file_that_runs_code_of_the_application_is_watched(guard, bearer, around):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    file = AsksWhenRead(b"secret")
    file.request = request
    with django_project.configured(IINIIT_GUARD=guard):
        response: Any = GuardMiddleware(lambda request: FileResponse(around(file), filename="x"))(
            request
        )
        assert response.file_to_stream is None
        assert begun(response) == []
    response.close()


def test_a_subclass_of_the_file_response_is_watched(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        response: Any = GuardMiddleware(lambda request: OurFileResponse(BytesIO(b"secret")))(
            request
        )
        dropped(request)
        assert begun(response) == []
    response.close()


def test_a_stream_that_is_replaced_never_begins(site, bearer):
    began = []

    def content():
        began.append(True)
        yield b"secret"

    def handler(request):
        dropped(request)
        return StreamingHttpResponse(content())

    assert site(path("x", handler))("/x", bearer("other"))[0] == 403
    assert began == []
