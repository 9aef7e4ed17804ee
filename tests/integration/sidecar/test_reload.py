"""Settings are replaced without a dropped request. Invalid settings change nothing and are
reported.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iiniit_guard import SettingsError
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.sidecar.settings.sidecar_settings import settings_from_document
from iiniit_guard.sidecar.sidecar import Sidecar
from iiniit_guard.sidecar.status.worker_stats import WorkerStats
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import drive
from tests.integration.sidecar.sites import RULES, ask, bearer


class Process:
    """A sidecar whose settings a test changes."""

    def __init__(self, issuer, worker_stats=None, **document):
        self.issuer = issuer
        self.document = {
            "gateway": "traefik",
            "issuer": issuer.issuer,
            "audience": issuer.audience,
            "rules": RULES,
            **document,
        }
        self.more = {
            "transport": issuer.handle,
            "clock": issuer.clock.clock,
            "introspection": issuer.credentials("client_secret_basic"),
        }
        self.sidecar = Sidecar(
            lambda: settings_from_document(self.document), worker_stats=worker_stats, more=self.more
        )

    def reload(self, **changes):
        self.document = {**self.document, **changes}
        return asyncio.run(self.sidecar.reload())


@pytest.fixture
def issuer():
    return Issuer()


def test_new_rules_count_at_once_and_nothing_is_forgotten(issuer):
    process = Process(issuer)
    token = issuer.opaque_token()
    assert ask(process.sidecar, headers=bearer(token)).status == 200
    issuer.requests.clear()

    assert process.reload(rules=[{"method": "GET", "path": "/other"}])
    assert ask(process.sidecar, headers=bearer(token)).status == 403
    assert ask(process.sidecar, target="/other", headers=bearer(token)).status == 200
    assert issuer.requests == []


def test_another_guard_fetches_its_keys_before_it_is_asked(issuer):
    process = Process(issuer)
    before = process.sidecar.current.engine
    assert process.reload(realm="new")

    assert process.sidecar.current.engine is not before
    assert issuer.requests == ["discovery", "jwks"]
    assert 'realm="new"' in (ask(process.sidecar).header("www-authenticate") or "")


def test_faults_change_nothing_and_are_told(issuer, caplog):
    process = Process(issuer)
    before = process.sidecar.current

    assert not process.reload(rules=[{"method": "GET"}], colour="red")
    assert process.sidecar.current is before
    assert ask(process.sidecar, headers=bearer(issuer.token())).status == 200
    faults = process.sidecar.snapshot()["settings"]["faults"]
    assert {fault.partition(":")[0] for fault in faults} == {"colour", "rules[1] (GET None)"}
    assert "the old settings stay" in caplog.text
    del process.document["colour"]
    assert process.reload(rules=RULES)
    assert process.sidecar.snapshot()["settings"]["faults"] == []


def test_an_issuer_that_is_down_does_not_hold_up_a_reload(issuer, caplog):
    process = Process(issuer)
    issuer.fail("connection")

    assert process.reload(realm="new")
    assert "the connection was refused" in caplog.text


def test_an_issuer_that_says_nothing_does_not_either(issuer, monkeypatch):
    monkeypatch.setattr("iiniit_guard.sidecar.sidecar._PREPARE_SECONDS", 0.01)
    process = Process(issuer)

    async def never():
        await asyncio.Event().wait()

    monkeypatch.setattr("iiniit_guard.engine.Engine.warm_up_async", lambda self: never())
    assert process.reload(realm="new")


def test_what_takes_a_restart_is_told(issuer, caplog):
    process = Process(issuer)

    assert process.reload(server={"bind": ["127.0.0.1:1"], "workers": 3, "log": "none"})
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "server.bind changed; restart the server to apply it",
        "server.workers changed; restart the server to apply it",
    ]


def test_a_request_under_way_ends_by_the_old_settings(issuer):
    process = Process(issuer)

    async def slowly(sidecar):
        asked = asyncio.Event()
        go_on = asyncio.Event()
        original = sidecar.current.engine._runner.loops.perform

        async def perform(effect):
            if type(effect).__name__ == "Fetch":
                asked.set()
                await go_on.wait()
            return await original(effect)

        sidecar.current.engine._runner.loops.perform = perform
        sent = []

        async def send(message):
            sent.append(message)

        from tests.integration.sidecar.sites import question

        method, path, query, lines = question("traefik", "GET", "/v1/user/profile")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [*lines, *bearer(issuer.opaque_token())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
        }
        gateway: Any = make_app(sidecar, "gateway")
        task = asyncio.create_task(gateway(scope, None, send))
        await asked.wait()
        before = sidecar.current
        process.document["realm"] = "new"
        assert await sidecar.reload()
        assert (sidecar.current is before, before.in_flight) == (False, 1)
        (retired,) = sidecar._retired
        await asyncio.sleep(0)
        assert not retired.done()
        go_on.set()
        await task
        await retired
        await asyncio.sleep(0)
        assert not sidecar._retired
        await before.ended()
        await sidecar.stop()
        return sent[0]["status"], before

    status, before = asyncio.run(slowly(process.sidecar))
    assert (status, before.in_flight) == (200, 0)


def test_a_stop_does_not_wait_for_what_was_retired(issuer):
    process = Process(issuer)

    async def run():
        before = process.sidecar.current
        with before.request():
            process.document["realm"] = "new"
            await process.sidecar.reload()
            await asyncio.sleep(0)
            await process.sidecar.stop()

    asyncio.run(run())


def test_it_is_ready_when_the_keys_are_there_and_stays_so(issuer, caplog):
    caplog.set_level("INFO")
    process = Process(issuer)
    issuer.fail("connection")

    async def run():
        sidecar = process.sidecar
        await sidecar.start()
        async with asyncio.timeout(10):
            # there is no event to wait for
            while "refused" not in " ".join(sidecar.unready):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        issuer.fail(None)
        issuer.clock.advance(60)
        async with asyncio.timeout(10):
            while sidecar.unready:  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.01)
        issuer.fail("connection")
        issuer.clock.advance(9000)
        await asyncio.sleep(0.03)
        ready = not sidecar.unready
        sidecar.drain()
        draining = sidecar.unready
        await asyncio.sleep(0.03)
        await sidecar.stop()
        return ready, draining, sidecar.unready

    import iiniit_guard.sidecar.sidecar as module

    module_tick, module._TICK_SECONDS = module._TICK_SECONDS, 0.01
    try:
        ready, draining, at_the_end = asyncio.run(run())
    finally:
        module._TICK_SECONDS = module_tick
    assert (ready, draining, at_the_end) == (
        True,
        ("this process is stopping",),
        ("this process is stopping",),
    )
    assert "ready" in caplog.messages


def test_workers_show_each_others_numbers(issuer, tmp_path, monkeypatch):
    monkeypatch.setattr("iiniit_guard.sidecar.sidecar._TICK_SECONDS", 0.01)
    worker_stats = WorkerStats(tmp_path, "worker-2")
    one, two = Process(issuer, WorkerStats(tmp_path, "worker-1")), Process(issuer, worker_stats)
    ask(one.sidecar, headers=bearer(issuer.opaque_token()))

    async def tell():
        await one.sidecar.start()
        async with asyncio.timeout(10):
            while not list(worker_stats.others()):  # noqa: ASYNC110 - a file appears
                await asyncio.sleep(0.01)
        await one.sidecar.stop()

    asyncio.run(tell())
    shot = two.sidecar.snapshot()
    assert (shot["workers"], shot["total"]["counts"]) == (2, [["allow", "", "miss", 1]])
    (described,) = shot["issuers"]
    assert (described["calls"], described["keys"]) == (1, 1)
    (own,) = one.sidecar.snapshot()["issuers"]
    assert (own["calls"], own["healthy"]) == (1, True)


def test_a_watch_that_fails_goes_on(issuer, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("iiniit_guard.sidecar.sidecar._TICK_SECONDS", 0.01)
    process = Process(issuer, WorkerStats(tmp_path / "gone", "worker-1"))
    failed = "watching the settings file failed: FileNotFoundError"

    async def run():
        await process.sidecar.start()
        async with asyncio.timeout(10):
            while caplog.text.count(failed) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await process.sidecar.stop()

    asyncio.run(run())


def test_the_first_settings_must_be_good(issuer):
    with pytest.raises(SettingsError):
        Process(issuer, colour="red")


def test_an_issuer_that_answers_nonsense_is_described(issuer):
    process = Process(issuer)
    issuer.fail(HttpResponse(200, (), b"{}"), at="jwks")
    assert ask(process.sidecar, headers=bearer(issuer.token())).status == 503
    said = drive(
        make_app(process.sidecar, "admin"), "GET", "/status.json", [(b"host", b"localhost")]
    ).json["issuers"]

    assert said[0]["errors"] == {"keys": "jwks: not a JWK Set"}
