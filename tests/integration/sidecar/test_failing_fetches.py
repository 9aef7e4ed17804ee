"""Each fetch that fails is in the log, on the status page, in status.json and in `/readyz`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from iiniit_guard.io.store import Store
from iiniit_guard.sidecar.status.issuers import describe_store, merge_issuers, merge_stores
from iiniit_guard.sidecar.status.page import render
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import ask, bearer, make_sidecar
from tests.integration.sidecar.snapshots import NOW, busy, issuer, nothing, site, whole
from tests.integration.sidecar.test_apps import get
from tests.integration.sidecar.test_status_page import words

STORE = {"failure": "ConnectionError", "since": NOW - 600}


@pytest.fixture
def world(caplog):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    made = Issuer()
    sidecar = make_sidecar(made, "traefik", status_list="check")
    for token in (made.listed_token(), made.opaque_token()):
        assert ask(sidecar, headers=bearer(token)).status == 200
    sidecar.missing = ()
    return made, sidecar


FETCHES: list[tuple[str, Any, int, str]] = [
    ("keys", "jwks", 4_000, "jwks: status 500"),
    ("metadata", "discovery", 4_000, "metadata: status 500"),
    ("status lists", "status_list", 61, "1 of 1 lists: status 500"),
    ("introspection", "introspection", 61, "introspection: status 500"),
]


@pytest.mark.parametrize("part, at, seconds, detail", FETCHES, ids=[row[0] for row in FETCHES])
def test_a_failure_is_shown_everywhere_until_it_ends(world, caplog, part, at, seconds, detail):
    made, sidecar = world
    made.clock.advance(seconds)
    began = made.clock.wall()
    made.fail("500", at=at)
    token = made.opaque_token if part == "introspection" else made.listed_token

    ask(sidecar, headers=bearer(token()))

    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert (said["healthy"], said["errors"]) == (False, {part: detail})
    assert said["since"] == {part: pytest.approx(began, abs=0.1)}
    assert get(sidecar, "admin", "/readyz").json == {
        "ready": True,
        "failing": [f"{made.issuer}: {part}: {detail}"],
    }
    page = get(sidecar, "admin", "/").body.decode()
    assert f"<b>{part}</b>" in page
    assert "status 500" in page
    assert " since " in page
    healthy = f'iiniit_guard_issuer_healthy{{issuer="{made.issuer}"}} 0.0'
    assert healthy in get(sidecar, "admin", "/metrics").body.decode()
    (line,) = [each for each in caplog.messages if "status 500" in each and "check:" in each]
    assert f'issuer="{made.issuer}"' in line

    made.fail(None, at=at)
    made.clock.advance(seconds)  # until the next fetch
    ask(sidecar, headers=bearer(token()))
    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert (said["healthy"], said["errors"], said["since"]) == (True, {}, {})
    assert get(sidecar, "admin", "/readyz").json == {"ready": True}


def test_strangers_do_not_learn_what_fails(world):
    made, sidecar = world
    made.clock.advance(61)
    made.fail("500", at="status_list")
    ask(sidecar, headers=bearer(made.listed_token()))

    assert get(sidecar, "public", "/readyz").json == {"ready": True}
    stranger = get(sidecar, "admin", "/readyz", [(b"host", b"evil.test")])
    assert stranger.json == {"ready": True}


def test_too_many_status_lists_are_shown(world):
    made, sidecar = world
    calls = sidecar.current.engine.resource.only_server.status.calls
    for _ in range(calls.PLACES):
        calls.enter(known=True)
    entry = {"idx": 0, "uri": f"{made.issuer}/lists/1"}
    assert ask(sidecar, headers=bearer(made.token(status={"status_list": entry}))).status == 503

    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert said["errors"] == {"status lists": "the limit of fetches is reached"}


def test_metadata_without_an_introspection_endpoint_is_shown():
    made = Issuer()
    made.metadata["introspection_endpoint"] = None
    sidecar = make_sidecar(made, "traefik")
    assert ask(sidecar, headers=bearer(made.opaque_token())).status == 503

    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert list(said["errors"]) == ["introspection"]
    assert "introspection_endpoint is missing" in said["errors"]["introspection"]


def test_a_secret_of_the_store_that_cannot_be_read_is_shown(tmp_path, caplog):
    file, made = tmp_path / "secret", Issuer()
    sidecar = make_sidecar(
        made, "traefik", store_url="redis://127.0.0.1:9", store_secret_file=str(file)
    )
    ask(sidecar, headers=bearer(made.opaque_token()))

    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert said["errors"] == {"store": f"FileNotFoundError: {file}"}
    assert str(file) in caplog.text
    file.write_text("s" * 32)
    ask(sidecar, headers=bearer(made.opaque_token()))
    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert said["errors"] == {}


def test_a_store_that_cannot_be_reached_is_shown(caplog):
    made = Issuer()
    sidecar = make_sidecar(made, "traefik", store_url="redis://127.0.0.1:9", store_secret="s" * 32)
    assert sidecar.snapshot()["store"] == {"failure": None, "since": None}
    assert sidecar.failing == ()
    assert "iiniit_guard_store_healthy 1.0" in get(sidecar, "admin", "/metrics").body.decode()
    ask(sidecar, headers=bearer(made.opaque_token()))

    found = get(sidecar, "admin", "/status.json").json["store"]
    assert found["failure"] == "ConnectionError"
    assert found["since"] > NOW - 1e9
    sidecar.missing = ()
    assert get(sidecar, "admin", "/readyz").json["failing"] == ["the shared store: ConnectionError"]
    page = get(sidecar, "admin", "/").body.decode()
    assert "The shared store has failed since" in page
    assert "iiniit_guard_store_healthy 0.0" in get(sidecar, "admin", "/metrics").body.decode()
    assert "the shared store cannot be reached (ConnectionError)" in caplog.text


def test_the_time_of_the_first_failure_of_the_store_stays():
    store = Store("redis://127.0.0.1:9")
    assert describe_store(store) == {"failure": None, "since": None}
    store._failed(None, OSError())  # type: ignore[arg-type]
    assert store.failing is not None
    since = store.failing[1]
    store._failed(None, ValueError())  # type: ignore[arg-type]
    assert store.failing == ("OSError", since)
    store._succeeded(None)
    assert store.failing is None


def test_workers_agree_on_the_earliest_failure():
    first = issuer(errors={"keys": "x"}, since={"keys": 5.0})
    second = issuer(
        errors={"keys": "y", "metadata": "z"}, since={"keys": 3.0, "metadata": 7.0}, healthy=False
    )
    (merged,) = merge_issuers([[first], [second]])
    assert merged["since"] == {"keys": 3.0, "metadata": 7.0}
    assert set(merged["errors"]) == {"keys", "metadata"}

    good = {"failure": None, "since": None}
    assert merge_stores([None, None]) is None
    assert merge_stores([good, None]) == good
    assert merge_stores([good, {**STORE, "since": 9.0}, STORE, {**STORE, "since": 2.0}]) == {
        **STORE,
        "since": 2.0,
    }


def test_the_page_says_since_when_and_what_it_means():
    text = words(
        whole(
            busy(),
            issuer(
                healthy=False,
                errors={"status lists": "2 of 5 lists: status 500", "store": "unreadable"},
                since={"status lists": NOW - 3_600},
            ),
        )
    )
    assert "status lists 2 of 5 lists: status 500 since 2030-03-17 16:47" in text
    assert "store unreadable" in text
    assert "A list is used until it expires. Then requests with its tokens get 503." in text
    assert "until it expires" not in words(site("outage"))


def test_the_store_is_a_notice_and_the_headline_where_nothing_is_worse():
    html = render(whole(nothing(), store=STORE))
    assert "The shared store is failing" in html
    assert "The shared store has failed since 2030-03-17 17:37" in html
    assert "ConnectionError" in html
    good = render(whole(nothing(), store={"failure": None, "since": None}))
    assert "shared store" not in good
