"""Test clients that send a token with every request, one function for each kind of client.

Each imports its package when it is called, so the others need not be installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from flask import Flask
    from flask.testing import FlaskClient
    from starlette.testclient import TestClient

    from iiniit_guard.adapting.types import Application, Handler

_BASE_URL = "http://testserver"


def bearer(token: str) -> dict[str, str]:
    """Return the header field of a request with `token`."""
    return {"Authorization": f"Bearer {token}"}


def flask_client(app: Flask, token: str) -> FlaskClient:
    """Return Flask's test client of `app`, which sends `token`."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def starlette_client(app: Application, token: str, **settings: Any) -> TestClient:
    """Return Starlette's test client of `app`, which sends `token`. Also for FastAPI.

    Args:
        app: An ASGI application.
        token: The access token.
        settings: Arguments of `TestClient`.
    """
    from starlette.testclient import TestClient

    return TestClient(app, headers=bearer(token), **settings)


fastapi_client = starlette_client


def django_client(token: str, **settings: Any) -> Any:
    """Return Django's test client, which sends `token`.

    Args:
        token: The access token.
        settings: Arguments of `django.test.Client`.
    """
    from django.test import Client

    return Client(headers=bearer(token), **settings)


def rest_framework_client(token: str, **settings: Any) -> Any:
    """Return the `APIClient` of Django REST framework, which sends `token`.

    Args:
        token: The access token.
        settings: Arguments of `APIClient`.
    """
    from rest_framework.test import APIClient

    client = APIClient(**settings)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def webtest_client(app: Handler, token: str) -> Any:
    """Return a `TestApp` of WebTest for a WSGI application, which sends `token`."""
    # No extra contains WebTest, so that tools which read imports find no missing requirement.
    webtest = import_module("webtest")
    return webtest.TestApp(app, extra_environ={"HTTP_AUTHORIZATION": f"Bearer {token}"})


def httpx2_client(app: Handler, token: str) -> httpx2.Client:
    """Return a client of httpx2 for a WSGI application, which sends `token`."""
    import httpx2

    transport = httpx2.WSGITransport(app=app)
    return httpx2.Client(transport=transport, base_url=_BASE_URL, headers=bearer(token))


def httpx2_async_client(app: Application, token: str) -> httpx2.AsyncClient:
    """Return a client of httpx2 for an ASGI application, which sends `token`."""
    import httpx2

    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url=_BASE_URL, headers=bearer(token))
