"""Each property of this folder finds a fault that is planted in the code under it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from iiniit_guard.core import verify_jwt
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.claims.scope import ScopeReading
from iiniit_guard.core.dpop import checks, proof, uri
from iiniit_guard.core.http import bearer, challenge
from iiniit_guard.core.issuer import introspection
from iiniit_guard.core.jose import encodings, jws
from iiniit_guard.engine import Engine
from iiniit_guard.events import Events
from iiniit_guard.io import event_loops
from tests.contract.properties import test_dpop_proofs as dpop_proofs
from tests.contract.properties import test_drivers as drivers
from tests.contract.properties import test_promise as promise
from tests.contract.properties import test_requests as requests
from tests.contract.properties import test_seen_scopes as seen_scopes
from tests.contract.properties.planting import plant

HERE = Path(__file__).parent
EXAMPLES = 400


class Fault(NamedTuple):
    """A fault, and the property that must find it."""

    module: Any
    name: str
    function: Any
    old: str
    new: str
    raised: type[Exception] = AssertionError
    arguments: tuple = ()


FAULTS = [
    Fault(
        seen_scopes,
        "test_what_was_learned_changes_no_answer_about_one_other_claim",
        ScopeReading.scopes_of,
        "type(written) is str and not self.also",
        "type(written) is str",
        arguments=(seen_scopes.SETTINGS["roles"], False),
    ),
    Fault(
        seen_scopes,
        "test_what_was_learned_changes_no_answer",
        ScopeReading.scopes_of,
        "type(written) is str and not self.also",
        "type(written) is str",
        arguments=(seen_scopes.SETTINGS["roles"],),
    ),
    Fault(
        drivers,
        "test_both_drivers_give_the_same_replies_in_the_same_order",
        event_loops.run_async,
        "reply = await perform(effect)",
        "reply = reply or await perform(effect)",
    ),
    Fault(
        drivers,
        "test_both_halves_of_a_guard_agree_whatever_happens",
        Engine.finish_async,
        "result = await run_async(resume(result), self._runner.loops.perform)",
        "result = await run_async(resume(result), self._runner.loops.perform)\n"
        "        from iiniit_guard.core.model.problem import PROBLEMS, Reason\n"
        "        result = result if isinstance(result, AccessToken) else PROBLEMS[Reason.INACTIVE]",
    ),
    Fault(
        requests,
        "test_no_header_raises_and_every_answer_can_be_sent",
        bearer._check_bearer,
        "if not is_b64token(token):",
        "if not token:",
        UnicodeDecodeError,
    ),
    Fault(
        requests,
        "test_a_guard_without_a_listener_decides_alike",
        Events.begin,
        "begun = begin(resource, presented, requirement)",
        "from iiniit_guard.core.decide import Unfinished\n"
        "    from iiniit_guard.core.model.problem import PROBLEMS, Reason\n"
        "    begun = Unfinished(presented, PROBLEMS[Reason.NO_TOKEN])",
    ),
    Fault(
        requests,
        "test_a_credential_is_what_stood_in_the_header",
        bearer.credential_of,
        "len(value) <= max_token_bytes and ",
        "",
    ),
    Fault(
        requests,
        "test_no_other_character_is_allowed_in_a_token",
        verify_jwt._signer,
        " and key.verifies(jws.signing_input, jws.signature)",
        "",
    ),
    Fault(
        requests,
        "test_no_single_change_of_the_last_character_is_allowed",
        encodings.decode_base64url,
        "if remainder and",
        "if not remainder and",
    ),
    Fault(
        requests,
        "test_no_other_edit_of_a_token_is_allowed",
        jws.parse_jws,
        "decode_base64url(encoded_signature)",
        "decode_leniently(encoded_signature)",
    ),
    Fault(
        requests,
        "test_challenges_are_read_as_they_were_written",
        challenge.quoted,
        """.replace('"', '\\\\"')""",
        "",
    ),
    Fault(
        requests,
        "test_every_refusal_is_well_formed",
        challenge.RefusalWriter.deny,
        'b"" if request.method == "HEAD" else body',
        "body",
    ),
    *(
        Fault(
            dpop_proofs, "test_two_uris_are_equal_exactly_if_they_identify_one_resource", *planted
        )
        for planted in (
            (uri.normalize, " or port == _DEFAULT_PORTS[scheme]", ""),
            (uri.normalize, "host.lower()", "host"),
            (uri._plain, "chr(octet) if octet in _UNRESERVED else", "chr(octet) if octet else"),
            (uri._without_dots, "if kept:", "if len(kept) > 1:"),
        )
    ),
    *(
        Fault(
            dpop_proofs,
            "test_a_proof_passes_exactly_if_an_independent_verifier_accepts_it",
            *planted,
        )
        for planted in (
            (checks.ProofChecks._claims_problem, "!= request.method", "!= request.method.upper()"),
            (checks.ProofChecks._claims_problem, 'if claims.get("ath") !=', "if not"),
            (checks.ProofChecks._time_problem, "<= self._ahead", "<= self._ahead + 1"),
            (proof._header_members, "header.typ != _TYPE or ", ""),
            (proof.signer_of, "not key.verifies(proof.signing_input, proof.signature)", "False"),
        )
    ),
]


@pytest.fixture
def few_examples(monkeypatch):
    """Generate a fixed, small number of examples, and do not simplify a failing one."""
    few = settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
    )
    for module in (dpop_proofs, drivers, requests):
        for name, function in vars(module).items():
            if name.startswith("test_") and hasattr(function, "hypothesis"):
                monkeypatch.setattr(function, "_hypothesis_internal_use_settings", few)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_property_finds_a_planted_fault(fault, few_examples, monkeypatch):
    plant(monkeypatch, fault.function, fault.old, fault.new)

    with requests.ISSUER.guard() as guard:  # the shared guard would cache what the fault admits
        monkeypatch.setattr(requests, "GUARD", guard)
        with pytest.raises(fault.raised):
            getattr(fault.module, fault.name)(*fault.arguments)


@pytest.mark.parametrize(
    ("machine", "function", "old", "new", "said"),
    [
        (
            promise.AloneWithBadClocks,
            TokenCache.find,
            "or self._monotonic() >= entry.valid_until_monotonic",
            "",
            "allowed",
        ),
        (
            promise.WithAStore,
            introspection._Introspection._get_shared,
            "shared.sent)",
            "server.clock.now())",
            "allowed",
        ),
    ],
    ids=["AloneWithBadClocks", "WithAStore"],
)
def test_the_promise_finds_a_planted_fault(machine, function, old, new, said, monkeypatch):
    plant(monkeypatch, function, old, new)

    with pytest.raises(AssertionError, match=said):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=60,
                phases=[Phase.generate],
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_every_property_has_a_planted_fault():
    modules = [path.stem for path in HERE.glob("test_*.py") if path != Path(__file__)]
    properties = {
        (module, name)
        for module in modules
        for name in vars(importlib.import_module(f"tests.contract.properties.{module}"))
        if name.startswith("test_")
    }
    planted = {(fault.module.__name__.rpartition(".")[2], fault.name) for fault in FAULTS}

    assert properties == planted | {("test_promise", "test_the_promise")}
