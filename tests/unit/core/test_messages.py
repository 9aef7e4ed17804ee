"""The exact texts of error messages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iiniit_guard.adapting.admission import PASS, make_admission
from iiniit_guard.core.issuer import validators as checks
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy, scope_policy
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.errors import SettingsError, UsageError
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

EMPTY = "must be a non-empty string"
ASCII = "must contain only printable ASCII"
TEXTS = "must be one or more strings"
SCOPES = "names and values must be scopes"
SECONDS = "must be a number of seconds, 0 or more"
CLAIM = (
    "b: must be a non-empty string, a number, true, false or a list of these; check that the "
    "value is set"
)
HTTPS = "must be an https URL"


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (checks.text, "", EMPTY),
        (checks.text, 7, EMPTY),
        (checks.text, "\u00e4", ASCII),
        (checks.text, "a\n", ASCII),
        (checks.texts, "a", TEXTS),
        (checks.texts, [], TEXTS),
        (checks.texts, ["a", ""], EMPTY),
        (checks.names, [], None),
        (checks.names, "a", TEXTS),
        (checks.seconds, 0, "must be a number of seconds above 0"),
        (checks.seconds, 0.5, None),
        (checks.seconds, -1, SECONDS),
        (checks.seconds_or_none, 0, None),
        (checks.seconds_or_none, True, SECONDS),
        (checks.seconds_or_none, float("inf"), SECONDS),
        (checks.count, 0, "must be a whole number above 0"),
        (checks.count, 1, None),
        (checks.count, 1.0, "must be a whole number above 0"),
        (checks.flag, 1, "must be true or false"),
        (lambda value: checks.one_of("a", "b")(value), "a", None),
        (lambda value: checks.one_of("a", "b")(value), "c", "must be one of a, b"),
        (lambda value: checks.one_of("a", "b")(value), ["a"], "must be one of a, b"),
        (lambda value: checks.some_of(("a", "b"))(value), ["a", "b"], None),
        (lambda value: checks.some_of(("a", "b"))(value), ["a", "c"], "c is not among a, b"),
        (lambda value: checks.some_of(("a", "b"))(value), "a", TEXTS),
        (checks.scope_words, [], "must be a table"),
        (checks.scope_words, {"a": "b"}, None),
        (checks.scope_words, {"a": "b c"}, SCOPES),
        (checks.scope_words, {"a": 1}, SCOPES),
        (checks.scope_words, {1: "a"}, SCOPES),
        (checks.scope_lists, [], "must be a table of lists"),
        (checks.scope_lists, {"a": "b"}, "must be a table of lists"),
        (checks.scope_lists, {"a": 1}, "must be a table of lists"),
        (checks.scope_lists, {"a": ["b"]}, None),
        (checks.scope_lists, {"a": ["b c"]}, SCOPES),
        (checks.scope_lists, {"a": [1]}, SCOPES),
        (checks.scope_lists, {"a b": ["c"]}, SCOPES),
        (checks.claim_table, [], "must be a table from claim to value"),
        (checks.claim_table, {1: "a"}, "must be a table from claim to value"),
        (checks.claim_table, {"a": 1}, None),
        (checks.claim_table, {"a": 1, "b": None}, CLAIM),
        (checks.text, "a ", "begins or ends with a space; remove the space"),
        (checks.scope_paths, "a", "must be a list of claims; a path may be a list itself"),
        (checks.scope_paths, [7], "must be a name, a dotted path or a list of names"),
        (
            checks.scope_paths,
            ["a."],
            (
                "a name in a path is empty, is not a string or has white space around it; correct the "
                "path"
            ),
        ),
        (
            checks.scope_paths,
            ["*.a"],
            "a * must be the last name of a path and not the only one; correct the path",
        ),
        (checks.hosts, "a", TEXTS),
        (
            checks.hosts,
            ["a:80"],
            (
                "a host must be a bare name or address in lower case; remove scheme, port, path, "
                "brackets and *"
            ),
        ),
        (checks.token_prefix, "", EMPTY),
        (
            checks.token_prefix,
            "a b",
            "contains a character outside the syntax of bearer tokens; correct it",
        ),
        (lambda value: checks.at_most(5, checks.seconds)(value), 6, "must be at most 5 seconds"),
        (lambda value: checks.at_most(5, checks.seconds)(value), -1, SECONDS),
        (checks.function, 1, "must be a callable"),
        (checks.functions, [1], "must be a list of callables"),
        (checks.functions, print, "must be a list of callables"),
        (checks.functions, "ab", "must be a list of callables"),
        (checks.functions, [print], None),
        (checks.endpoint_fault, "https://[x/", "is not a URL"),
        (checks.endpoint_fault, "https://a.test:x/", "is not a URL"),
        (checks.endpoint_fault, "ftp://a.test/", HTTPS),
        (checks.endpoint_fault, "https:///x", HTTPS),
        (checks.endpoint_fault, "https://a.test/a b", HTTPS),
        (
            checks.endpoint_fault,
            "https://u@a.test/",
            "a URL must not contain a user name or a password",
        ),
        (
            checks.endpoint_fault,
            "https://:p@a.test/",
            "a URL must not contain a user name or a password",
        ),
        (checks.endpoint_fault, "https://a.test/#x", "a URL must not have a fragment"),
        (checks.endpoint_fault, "https://a.test/#", "a URL must not have a fragment"),
        (
            checks.endpoint_fault,
            "http://a.test/",
            "must be https (http only on loopback, or with insecure_http_hosts)",
        ),
        (checks.endpoint_fault, "http://127.0.0.1/", None),
        (checks.resource_fault, "http://localhost/", HTTPS),
        (checks.resource_fault, "https://a.test/", None),
    ],
)
def test_settings(check, value, said):
    assert check(value) == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"public": "/x"}, ["public: must be a list of paths, not one string"]),
        ({"public": ["x"]}, ["public: 'x' does not begin with /"]),
        ({"public": [7]}, ["public: 7 does not begin with /"]),
        (
            {"public": ["/*"]},
            ['public: "/*" would open everything; name the paths, or use enforce="declared"'],
        ),
        (
            {"public": ["/a*"]},
            [
                (
                    "public: '/a*': * is allowed only after the last /, where it matches the whole "
                    "subtree"
                )
            ],
        ),
        (
            {"public": ["/*/*"]},
            [
                (
                    "public: '/*/*': * is allowed only after the last /, where it matches the whole "
                    "subtree"
                )
            ],
        ),
        (
            {"public": ["/a*/*"]},
            [
                (
                    "public: '/a*/*': * is allowed only after the last /, where it matches the whole "
                    "subtree"
                )
            ],
        ),
        ({"enforce": "some"}, ['enforce: "all" or "declared"']),
        ({"preflights": "ask"}, ['preflights: it must be "auto", "pass" or "guard"']),
        (
            {"rules": SimpleNamespace(policy_for=len), "enforce": "declared"},
            ['rules: they refuse what they do not name, so they do not go with enforce="declared"'],
        ),
        (
            {"public": "/x", "enforce": "x", "preflights": "y"},
            [
                "public: must be a list of paths, not one string",
                'enforce: "all" or "declared"',
                'preflights: it must be "auto", "pass" or "guard"',
            ],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_arguments_of_a_middleware(arguments, said):
    with pytest.raises(SettingsError) as fault:
        make_admission(**arguments)
    assert list(fault.value.faults) == said


def test_what_a_middleware_asks_for():
    preflight = Request(
        "OPTIONS",
        "/x",
        headers=[(b"origin", b"https://a.test"), (b"access-control-request-method", b"GET")],
    )
    get = Request("GET", "/x")
    usual = make_admission()
    assert (
        usual.policy_for(get),
        usual.policy_for(preflight),
        usual.policy_for(preflight, host_answers=True),
    ) == (
        ANY_TOKEN,
        ANY_TOKEN,
        PASS,
    )
    assert make_admission(preflights="pass").policy_for(preflight) == PASS
    assert (usual.wants_any_token, usual.has_public_paths) == (True, False)
    guarded = make_admission(preflights="guard")
    assert guarded.policy_for(preflight) is ANY_TOKEN
    declared = make_admission(enforce="declared")
    assert declared.policy_for(get) is PASS
    assert not declared.wants_any_token
    assert not make_admission(optional_token=False).policy.anonymous
    assert make_admission(optional_token=True).policy.anonymous is True
    assert make_admission(["/x"]).has_public_paths is True
    assert make_admission(["/x/*"]).has_public_paths is True


@pytest.mark.parametrize(
    ("path", "public"),
    [
        *(
            ("/a/b", True),
            ("/a/", True),
            ("/a/b c", True),
            ("/a/b/c", True),
            ("/a", False),
            ("/ab", False),
        ),
        *(
            ("/a//b", False),
            ("/a/./b", False),
            ("/a/../b", False),
            ("/a/..", False),
            ("/a/.", False),
        ),
        *(
            ("/a/b;x", False),
            ("/a/b\\c", False),
            ("/a/b%", False),
            ("/a/\x1f", False),
            ("/a/\x7f", False),
        ),
    ],
)
def test_a_public_subtree(path, public):
    assert make_admission(["/a/*"]).is_public(path) is public


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: make_policy("a"), "scopes must be a list, not one string"),
        (
            lambda: make_policy(["a b"]),
            "invalid scope 'a b': use printable ASCII without spaces, quotes and backslashes",
        ),
        (
            lambda: make_policy(acr_values=["a b"]),
            "invalid acr value 'a b': use printable ASCII without spaces, quotes and backslashes",
        ),
        (lambda: make_policy(max_age=-1), "max_age must be a whole number of seconds, 0 or more"),
        (lambda: make_policy(max_age=1.0), "max_age must be a whole number of seconds, 0 or more"),  # type: ignore[arg-type]
        (
            lambda: scope_policy((), match="all", acr_values=(), max_age=None),
            scope_policy.__doc__ and "require_scope() needs",
        ),
    ],
    ids=["one text", "two words", "acr", "negative", "a float", "none"],
)
def test_policies(make, said):
    with pytest.raises(UsageError) as fault:
        make()
    assert str(fault.value).startswith(said)


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"iss": 7}, "iss"),
        ({"exp": "7"}, "exp"),
        ({"exp": None}, "exp"),
        ({"nbf": "7"}, "nbf"),
        ({"iat": True}, "iat"),
        ({"aud": 7}, "aud"),
        ({"aud": ["https://api.test", 7]}, "aud"),
        ({"sub": 7}, "sub"),
        ({"client_id": 7}, "client_id"),
        ({"azp": 7}, "azp"),
        ({"jti": 7}, "jti"),
        ({"scope": 7}, "scope"),
        ({"authorization_details": {}}, "authorization_details"),
    ],
    ids=str,
)
def test_a_malformed_claim_is_named(claims, name):
    clock = make_clock()
    usual = {"iss": ISSUER, "aud": API, "exp": NOW + 300}
    problem = make_server(clock).checks.check({**usual, **claims}, NOW, introspected=False)
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.description) == (
        Reason.MALFORMED_CLAIM,
        f"The claim {name} of the access token is missing or malformed.",
    )


def test_a_claim_and_its_field_are_one_object():
    checks = make_server(make_clock()).checks
    usual = {"iss": ISSUER, "aud": API, "exp": NOW + 300}
    first = checks.check({**usual, "client_id": f"client-{len(usual)}"}, NOW, introspected=False)
    assert isinstance(first, AccessToken)
    assert first.claims["client_id"] is first.client_id
    token = checks.check({"iss": ISSUER, "aud": API, "exp": NOW + 300}, NOW, introspected=False)
    assert isinstance(token, AccessToken)
    assert token.authorization_details == ()


def test_policies_that_are_possible():
    assert make_policy(max_age=0).max_age == 0
    assert make_policy(acr_values="gold silver").acr_values == ("gold", "silver")


BASE = {"issuer": "https://a.test", "audience": "https://api.test"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuers": 7}, "issuers: must be a list of TrustedIssuer, or a callable from iss to one"),
        ({**BASE, "alternatives": {"X": 7}}, "alternatives: X: must be a callable"),
        (
            {**BASE, "alternatives": {"X": print, "x": print}},
            "alternatives: two schemes must not differ only by case",
        ),
        (
            {**BASE, "store_url": "redis://x"},
            (
                "store_secret: store_url and store_secret must be set together; the store holds only "
                "encrypted entries"
            ),
        ),
        (
            {**BASE, "resource": "https://other.test"},
            "resource: it must be one of the audiences, or no client's token will ever fit",
        ),
        (
            {**BASE, "introspection_endpoint": "https://a.test/i"},
            "introspection: introspection_endpoint needs credentials; set introspection too",
        ),
        (
            {**BASE, "jwt": "both"},
            "introspection: jwt='both' needs credentials for the introspection endpoint",
        ),
        (
            {**BASE, "jwks_file": "/x", "jwks_uri": "https://a.test/j"},
            "jwks_file: jwks_uri is set too; set only one of them",
        ),
        (
            {**BASE, "connect_timeout_seconds": 6, "timeout_seconds": 5},
            (
                "connect_timeout_seconds: must not be longer than timeout_seconds, which limits the "
                "whole call"
            ),
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_guards_settings(settings, said):
    with pytest.raises(SettingsError) as fault:
        make_settings(settings)
    assert list(fault.value.faults) == [said]


def test_faults_between_settings_are_told_together():
    with pytest.raises(SettingsError) as fault:
        make_settings(
            {
                **BASE,
                "resource": "https://other.test",
                "profile": "assertion",
                "alternatives": {"X": print},
            }
        )
    assert list(fault.value.faults) == [
        "resource: it must be one of the audiences, or no client's token will ever fit",
        'alternatives: with profile="assertion" nothing else is accepted',
    ]


def test_prefixes_of_several_issuers():
    from iiniit_guard.core.issuer.client_authentication import ClientSecretPost

    def issuer(name, prefix):
        return TrustedIssuer(
            issuer=name, audience="x", introspection=ClientSecretPost("a", "b"), token_prefix=prefix
        )

    both = ["token_prefix: one prefix begins with another; a token could belong to both issuers"]
    for prefixes, said in (
        (("a_", "a_b"), both),
        (("a_b", "a_"), both),
        (("c_", "a_", "a_b"), both),
        (("a_", "b_"), []),
    ):
        issuers = [
            issuer(f"https://{number}.test", prefix) for number, prefix in enumerate(prefixes)
        ]
        if not said:
            make_settings({"issuers": issuers})
            continue
        with pytest.raises(SettingsError) as fault:
            make_settings({"issuers": issuers})
        assert list(fault.value.faults) == said
