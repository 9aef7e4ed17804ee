"""Other parts of a guard: events, metadata, settings, and closing."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from dataclasses import replace

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Deny
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.io import fork
from tests.unit.guard.calling import NOW, READ, WRITE, begin, both_ways, request


class TestEvents:
    @both_ways
    def test_one_for_each_decision(self, issuer, heard, events, decide):
        token = issuer.token("user:read")
        for requirement in (READ, WRITE):
            decide(heard, request(token), requirement, host="wsgi")
        decide(heard, request(), host="asgi")
        issuer.fail("connection")
        decide(heard, request(issuer.opaque_token()))
        assert [
            (event.decision, event.status, event.reason, event.cache, event.host)
            for event in events
        ] == [
            ("allow", None, None, "miss", "wsgi"),
            ("deny", 403, "missing_scope", "hit", "wsgi"),
            ("deny", 401, "no_token", "none", "asgi"),
            ("unavailable", 503, "issuer_unavailable", "miss", "guard"),
        ]
        assert {event.time for event in events} == {NOW}
        assert all(0 <= event.seconds < 60 for event in events)

    @pytest.mark.parametrize("shown", [True, False])
    def test_a_remembered_token_is_told_like_any_other(self, issuer, events, shown):
        token = issuer.token("user:read")
        with issuer.guard(on_event=events.append, event_subject=shown) as guard:
            guard.authenticate(request(token), host="asgi")
            assert isinstance(
                begin(guard, token, requirement=READ, method="PUT", host="asgi"), AccessToken
            )
            assert not isinstance(begin(guard, token, requirement=WRITE), AccessToken)
        first, second = events
        assert second == replace(first, method="PUT", cache="hit", seconds=second.seconds)
        assert second.subject == ("user-1" if shown else None)

    def test_a_handlers_policy_tells_only_refusals(self, issuer, heard, events):
        token = heard.verify(issuer.token("user:read"))
        heard._engine.authorize(request(), token, READ, host="flask")
        assert events == []
        heard._engine.authorize(request(), token, WRITE, host="flask")
        assert [(event.reason, event.host, event.seconds) for event in events] == [
            ("missing_scope", "flask", 0.0)
        ]

    def test_a_problem_found_elsewhere_is_told(self, heard, events):
        heard._engine.refuse(request(), PROBLEMS[Reason.AMBIGUOUS_PATH], host="wsgi")
        assert [(event.reason, event.status, event.host) for event in events] == [
            ("ambiguous_path", 400, "wsgi")
        ]

    @pytest.mark.parametrize("shown", [True, False])
    def test_subjects_can_be_switched_off(self, issuer, events, shown):
        with issuer.guard(on_event=events.append, event_subject=shown) as guard:
            guard.authenticate(request(issuer.token()))
        assert [event.subject for event in events] == ["user-1" if shown else None]

    @both_ways
    def test_a_broken_listener_neither_admits_nor_refuses_anyone(self, issuer, caplog, decide):
        """One line a minute, without the message of the exception, since it may quote a token."""

        def broken(event):
            raise ValueError("canary")

        with issuer.guard(on_event=broken) as guard, caplog.at_level(logging.DEBUG, "iiniit_guard"):
            assert isinstance(decide(guard, request(issuer.token())), Allow)
            assert isinstance(decide(guard, request("x y")), Deny)
        messages = [
            record.getMessage()
            for record in caplog.records
            if record.name == "iiniit_guard" and record.levelno == logging.ERROR
        ]
        assert messages == ["on_event failed: ValueError"]
        assert "canary" not in caplog.text


class TestMetadata:
    def test_it_is_served_and_given(self, issuer):
        with issuer.guard(resource="https://api.test") as guard:
            answer = guard._engine.metadata_response(
                Request("GET", "/.well-known/oauth-protected-resource")
            )
            assert answer is not None
            assert answer.status == 200
            assert guard.metadata()["resource"] == "https://api.test"
            assert guard._engine.metadata_path == "/.well-known/oauth-protected-resource"
            assert guard._engine.metadata_response(request()) is None

    def test_without_a_resource_there_is_none(self, guard):
        assert (
            guard._engine.metadata_response(Request("GET", "/.well-known/oauth-protected-resource"))
            is None
        )
        assert guard._engine.metadata_path is None


class TestSettings:
    TABLE = {
        "IINIIT_GUARD_ISSUER": "https://issuer.test",
        "IINIIT_GUARD_AUDIENCE": "https://api.test",
    }

    def test_from_the_environment(self, events):
        with Guard.from_env(self.TABLE, on_event=events.append) as guard:
            assert repr(guard) == "Guard(https://issuer.test)"
            guard.authenticate(request())
        assert len(events) == 1

    def test_from_the_environment_of_the_process(self, monkeypatch):
        for name, value in self.TABLE.items():
            monkeypatch.setenv(name, value)
        with Guard.from_env() as guard:
            assert "issuer.test" in repr(guard)

    def test_from_a_file(self, tmp_path):
        path = tmp_path / "guard.toml"
        path.write_text('issuer = "https://issuer.test"\naudience = "https://api.test"\n', "utf-8")
        with Guard.from_file(path, realm="mine") as guard:
            denied = guard.authenticate(request())
            assert isinstance(denied, Deny)
            assert str(denied.header("www-authenticate")).startswith(
                'Bearer realm="mine", DPoP realm='
            )

    def test_faults(self, tmp_path):
        with pytest.raises(SettingsError) as error:
            Guard()
        assert [fault.partition(":")[0] for fault in error.value.faults] == ["issuer", "audience"]
        with pytest.raises(SettingsError):
            Guard.from_env({})
        with pytest.raises(SettingsError):
            Guard.from_file(tmp_path / "missing.toml")

    def test_a_shared_store_is_not_connected_to_before_it_is_needed(self):
        """The constructor does no I/O and does not import redis."""
        with Guard(
            issuer="https://issuer.test",
            audience="a",
            store_url="redis://127.0.0.1:1",
            store_secret="s" * 32,
        ) as guard:
            denied = guard.authenticate(request("opaque"))
            assert isinstance(denied, Deny)
            assert denied.reason is Reason.MALFORMED_TOKEN

    def test_its_repr_names_the_issuers_and_nothing_else(self, issuer):
        with issuer.guard() as guard:
            assert repr(guard) == "Guard(https://issuer.test)"
            assert issuer.client_check.client_secret not in repr(guard)


class TestPreparing:
    """Warm-up before the first token."""

    def test_keys_and_metadata_are_fetched(self, issuer):
        with issuer.guard() as guard:
            assert asyncio.run(guard.warm_up_async()) == ()
            assert issuer.requests == ["discovery", "jwks"]
            assert [server.issuer for server in guard._engine.resource.servers] == [issuer.issuer]

    def test_what_is_missing_is_said(self, issuer):
        issuer.fail("connection")
        with issuer.guard() as guard:
            missing = asyncio.run(guard.warm_up_async())
        assert missing
        assert all(sentence.startswith(f"{issuer.issuer}: ") for sentence in missing)


class TestEnding:
    def test_a_closed_guard_calls_nobody_and_serves_what_it_remembers(self, issuer):
        guard = issuer.guard()
        token = issuer.token()
        guard.verify(token)
        guard.close()
        issuer.requests.clear()
        assert guard.verify(token).subject == "user-1"
        with pytest.raises(IssuerUnavailable, match="closed"):
            guard.verify(issuer.opaque_token())
        assert issuer.requests == []

    def test_on_an_event_loop(self, issuer):
        async def use():
            async with issuer.guard() as guard:
                await guard.verify_async(issuer.token())
                await guard._engine.release_loop()
                await guard.verify_async(issuer.opaque_token())
            with pytest.raises(IssuerUnavailable):
                await guard.verify_async(issuer.opaque_token())

        asyncio.run(use())

    def test_several_loops_one_after_another(self, issuer, guard):
        """A connection pool belongs to one event loop and cannot be used on the next."""
        for _ in range(3):
            asyncio.run(guard.verify_async(issuer.opaque_token()))

    def test_a_forked_child_keeps_what_was_learned_with_fresh_locks(self, issuer, guard):
        token = issuer.token()
        guard.verify(token)
        guard._engine.resource.cache._lock.acquire()
        assert guard._engine in fork._FORKABLE
        guard._engine.after_fork()
        assert guard.verify(token).subject == "user-1"
        assert guard.verify(issuer.token()).subject == "user-1"

    def test_nothing_keeps_a_guard_alive(self, issuer):
        guard = issuer.guard()
        guard.verify(issuer.token())
        guard.close()
        alive = weakref.ref(guard)
        del guard
        gc.collect()
        assert alive() is None
