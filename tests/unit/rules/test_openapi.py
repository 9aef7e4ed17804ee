"""Rules from OpenAPI documents."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, from_openapi
from tests.unit.rules.answers import seen

SCHEMES = {
    "oauth": {"type": "oauth2", "flows": {}},
    "oidc": {"$ref": "#/components/x-more/oidc~1one"},
    "bearer": {"type": "http", "scheme": "Bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "basic": {"type": "http", "scheme": "basic"},
    "dpop": {"type": "http", "scheme": "DPoP"},
    "mutual": {"type": "mutualTLS"},
    "digest": {"type": "http", "scheme": "digest"},
    "custom": {"type": "http", "scheme": "bearer dpop"},
    "several": {"type": "http", "scheme": ["bearer"]},
    "silent": {"type": "http"},
    "cased": {"type": "HTTP", "scheme": "bearer"},
    "typeless": {"scheme": "bearer"},
    "listed": {"type": ["oauth2"]},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "s", "scheme": "bearer"},
    "signed": {"type": "oauth2", "scheme": "dpop", "flows": {}},
    "far": {"$ref": "https://elsewhere.example/schemes.json"},
    "loop": {"$ref": "#/components/securitySchemes/loop"},
}


def document(operation, **members):
    return {
        "openapi": "3.1.0",
        "paths": {"/x/{id}": {"get": operation}, "x-internal": {}},
        "components": {
            "securitySchemes": SCHEMES,
            "x-more": {"oidc/one": {"type": "openIdConnect"}},
        },
        **members,
    }


SECURITY = [
    ([{"oauth": ["a", "b"]}], "a b"),
    ([{"oauth": ["a"]}, {"oidc": ["b"]}], "a|b"),
    ([{"oauth": ["a"]}, {"oauth": ["a", "b"]}], "a"),
    ([{"oauth": ["a"]}, {"oidc": ["a"]}], "a"),
    ([{"oauth": ["a"], "oidc": ["b"]}], "a b"),
    ([{"bearer": []}], ""),
    ([{"oauth": ["a"]}, {"bearer": []}], ""),
    ([{}, {"oauth": ["a"]}], "optional "),
    ([], "pass"),
    ([{}], "pass"),
    (
        [{"oauth": ["a", "b"]}, {"oauth": ["c"]}],
        "security: a policy can require all of some scopes or one of them",
    ),
    ([{"key": []}], "a token does not satisfy the scheme 'key'"),
    ([{"oauth": [], "key": []}], "a token does not satisfy the scheme 'key'"),
    ([{"oauth": []}, {"basic": []}], "a token does not satisfy the scheme 'basic'"),
    *(
        ([{name: []}], f"a token does not satisfy the scheme '{name}'")
        for name in (
            "dpop",
            "mutual",
            "digest",
            "custom",
            "several",
            "silent",
            "cased",
            "typeless",
            "listed",
            "cookie",
        )
    ),
    ([{"dpop": ["a"]}], "a token does not satisfy the scheme 'dpop'"),
    ([{"oauth": ["a"], "dpop": []}], "a token does not satisfy the scheme 'dpop'"),
    ([{"oauth": ["a"]}, {"dpop": []}], "a token does not satisfy the scheme 'dpop'"),
    ([{}, {"dpop": []}], "a token does not satisfy the scheme 'dpop'"),
    ([{"bearer": [], "mutual": []}], "a token does not satisfy the scheme 'mutual'"),
    ([{"oidc": []}, {"mutual": []}], "a token does not satisfy the scheme 'mutual'"),
    ([{"signed": ["a"]}], "a"),
    ([{"none": []}], "unknown security scheme 'none'"),
    ([{"far": []}], "a $ref must refer to an existing part of this document"),
    ([{"loop": []}], "a $ref must refer to an existing part of this document"),
    ([{"oauth": "a"}], "the scopes of 'oauth' are not a list"),
    ([{"oauth": ["a b"]}], "invalid scope"),
    ({"oauth": []}, "must be a list of objects"),
    (None, "neither the operation nor the document has this member"),
]


@pytest.mark.parametrize("security, expected", SECURITY, ids=json.dumps)
def test_openapi_security(security, expected):
    for written in (document({"security": security}), document({}, security=security)):
        if expected.split("|", maxsplit=1)[0].strip() in ("a", "a b", "", "optional", "pass"):
            assert seen(from_openapi(written).policy_for(Request("GET", "/x/1"))) == expected
            continue
        with pytest.raises(SettingsError) as caught:
            from_openapi(written)
        (fault,) = caught.value.faults
        assert fault.startswith("openapi GET /x/{id}: ")
        assert expected in fault


def test_openapi_an_operation_speaks_before_its_document():
    written = document({"security": [{"oauth": ["a"]}]}, security=[])
    written["paths"]["/y"] = {"post": {}, "parameters": []}
    rules = from_openapi(written)
    assert seen(rules.policy_for(Request("GET", "/x/1"))) == "a"
    assert seen(rules.policy_for(Request("POST", "/y"))) == "pass"
    assert seen(rules.policy_for(Request("PUT", "/y"))) == "no_rule"


def test_openapi_silence():
    assert (
        seen(
            from_openapi(document({}), without_security="token").policy_for(Request("GET", "/x/1"))
        )
        == ""
    )
    assert (
        seen(
            from_openapi(document({}), without_security="public").policy_for(Request("GET", "/x/1"))
        )
        == "pass"
    )


SERVERS = [
    ([{"url": "https://api.example/v1/"}], ["/v1/x/1"]),
    ([{"url": "https://api.example"}, {"url": "/v2"}], ["/x/1", "/v2/x/1"]),
    (
        [
            {
                "url": "https://api.example/{stage}/{v}",
                "variables": {"stage": {"enum": ["a", "b"]}, "v": {"default": "1"}},
            }
        ],
        ["/a/1/x/1", "/b/1/x/1"],
    ),
    ([{"url": "https://{host}/v%31", "variables": {"host": {"default": "h"}}}], ["/v1/x/1"]),
    ([], ["/x/1"]),
]


@pytest.mark.parametrize("servers, paths", SERVERS, ids=json.dumps)
def test_openapi_servers(servers, paths):
    rules = from_openapi(document({"security": [{"oauth": ["a"]}]}, servers=servers))
    for path in [*paths, "/x/1", "/v9/x/1"]:
        assert seen(rules.policy_for(Request("GET", path))) == ("a" if path in paths else "no_rule")


def test_openapi_base_path_and_nearer_servers():
    operation = {"security": [{"oauth": ["a"]}], "servers": [{"url": "/near"}]}
    assert seen(from_openapi(document(operation)).policy_for(Request("GET", "/near/x/1"))) == "a"
    assert (
        seen(
            from_openapi(document(operation), base_path="/far/").policy_for(
                Request("GET", "/far/x/1")
            )
        )
        == "a"
    )


@pytest.mark.parametrize("silent", ["token", "public"])
@pytest.mark.parametrize("holder", ["operation", "document"])
def test_openapi_security_that_is_null_is_not_absent(silent, holder):
    # YAML: `security:` without a value.
    operation = {"security": None} if holder == "operation" else {}
    above = [{"oauth": ["a"]}] if holder == "operation" else None
    with pytest.raises(SettingsError, match="or it is null"):
        from_openapi(document(operation, security=above), without_security=silent)


PUBLIC = {"get": {"security": []}}
OF_NO_OPERATION = [  # item of /x/secret, beside a public /x/{id}; the fault
    ({"GET": {"security": [{"oauth": ["a"]}]}}, "'GET' is not a member"),
    ({"get ": {"security": [{"oauth": ["a"]}]}}, "'get ' is not a member"),
    ({"copy": {"security": [{"oauth": ["a"]}]}}, "'copy' is not a member"),
    ({1: {}}, "1 is not a member"),
    (
        {"$ref": "#/components/pathItems/other", "get": {"security": [{"oauth": ["a"]}]}},
        "beside other members",
    ),
    ({"$ref": None, "get": {"security": []}}, "beside other members"),
    ({"$ref": None}, "must refer to an existing part"),
    ({}, "has no operations"),
    ({"summary": "Of the administrators.", "x-more": 1}, "has no operations"),
    ({"additionalOperations": None}, "has no operations"),
    ({"get": {}, "additionalOperations": {"GET": {"security": []}}}, "same method and path"),
]


@pytest.mark.parametrize("item, fault", OF_NO_OPERATION, ids=str)
def test_openapi_leaves_no_path_to_a_less_specific_rule(item, fault):
    paths = {"/x/{id}": PUBLIC, "/x/secret": item}
    made = document({}, security=[{"oauth": ["a"]}])
    made["components"] = {**made["components"], "pathItems": {"other": {"post": {}}}}
    with pytest.raises(SettingsError, match=f"/x/secret.*{fault}"):
        from_openapi({**made, "paths": paths})


def test_openapi_operations_of_other_methods_and_references_with_a_description():
    made = document({}, security=[{"oauth": ["a"]}])
    made["components"] = {**made["components"], "pathItems": {"other": {"post": {}}}}
    made["paths"] = {
        "/x": {"additionalOperations": {"COPY": {}, "LINK": {"security": []}}},
        "/y": {"$ref": "#/components/pathItems/other", "description": "Also /z.", "x-a": 1},
    }
    rules = from_openapi(made)
    for method, path, answer in [
        ("COPY", "/x", "a"),
        ("LINK", "/x", "pass"),
        ("MOVE", "/x", "no_rule"),
        ("POST", "/y", "a"),
    ]:
        assert seen(rules.policy_for(Request(method, path))) == answer


@pytest.mark.parametrize(
    "paths, servers",
    [
        ({"/a/%3Cb%3E": PUBLIC}, "/"),
        ({"/a/%3cpath:b%3e": PUBLIC}, "/"),
        ({"/a/<b>": PUBLIC}, "/"),
        ({"/a": PUBLIC}, "/%3Cpath:b%3E"),
        ({"/a": PUBLIC}, "/<b>"),
    ],
    ids=str,
)
def test_openapi_texts_never_become_variables(paths, servers):
    with pytest.raises(SettingsError, match="a path with < or >"):
        from_openapi(document({}, paths=paths, servers=[{"url": servers}]))


def test_openapi_rules_of_ones_own_replace_operations():
    written = document({"security": [{"key": []}]})
    rules = from_openapi(
        written, rules=[Rule("get", "/x/<name>", scopes="mine"), Rule("GET", "/y", public=True)]
    )
    assert seen(rules.policy_for(Request("GET", "/x/1"))) == "mine"
    assert seen(rules.policy_for(Request("GET", "/y"))) == "pass"


def test_openapi_path_templates():
    written = document({"security": [{"oauth": ["a"]}]})
    written["paths"] = {
        "/a%20b/{user-id}:stop": {"$ref": "#/components/pathItems/stop"},
        "/a%20b/{user-id}": {"get": {"security": [{"oauth": ["b"]}]}},
    }
    written["components"]["pathItems"] = {"stop": {"get": {"security": [{"oauth": ["c"]}]}}}
    rules = from_openapi(written)
    assert seen(rules.policy_for(Request("GET", "/a b/7"))) == "b"
    assert seen(rules.policy_for(Request("GET", "/a b/7:stop"))) == "c"


def test_openapi_faults_are_reported_together():
    item = {"get": {"security": []}}
    written = document({"security": []}, servers=[{"url": "https://h/{v}"}])
    written["paths"] |= {
        "/b": {"$ref": "other.json"},
        "/d": {"get": 5},
        "/a<b>": {**item, "servers": [{"url": "/"}]},
    }
    written["paths"] |= {
        "c": {**item, "servers": [{"url": "/"}]},
        "/e": {**item, "servers": [{"url": "v1"}]},
    }
    written["paths"] |= {"/f//g": {**item, "servers": [{}]}}
    with pytest.raises(SettingsError) as caught:
        from_openapi(written)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "openapi GET /x/{id}",
        "openapi /b",
        "openapi GET /d",
        "openapi GET /a<b>",
        "openapi GET c",
        "openapi GET /e",
        "openapi GET /f//g",
    ]
    with pytest.raises(SettingsError, match="neither enum nor default"):
        from_openapi(document({"security": []}, servers=[{"url": "https://h/{v}"}]))


@pytest.mark.parametrize(
    "members, settings",
    [({"openapi": "2.0"}, {}), ({"openapi": 3.1}, {}), ({}, {"without_security": "open"})],
    ids=str,
)
def test_openapi_is_read_as_version_3_only(members, settings):
    with pytest.raises(SettingsError):
        from_openapi(document({"security": []}, **members), **settings)
