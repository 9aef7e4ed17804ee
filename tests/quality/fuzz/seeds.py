"""The first inputs of each target."""

from __future__ import annotations

import json
from typing import Final

from iiniit_guard.testing import Issuer

ISSUER: Final = Issuer()
SEED_TOKEN: Final = ISSUER.token()
_CLAIMS: Final = {
    "active": True,
    "iss": ISSUER.issuer,
    "aud": "https://api.test",
    "exp": int(ISSUER.now) + 300,
    "scope": "a b",
}
SEEDS: Final[dict[str, list[bytes]]] = {
    "authorization": [
        b"Bearer abc",
        b"ApiKey x=1, y=2",
        b'Digest a="b\\"", c=d',
        b"Bearer a\nBearer b",
        b"Bearer a\0access_token=x",
    ],
    "jws": [
        SEED_TOKEN.encode(),
        b'\x01{"alg":"ES256","typ":"at+jwt"}\0{"iss":"x"}\0sig',
        b'\x02{"exp":1e400,"a":NaN,"a":[[[]]]}',
    ],
    "strict_json": [
        b'{"a":[1,2.5,true,null,"\\ud83d\\ude00"],"b":{"c":{}}}',
        b'{"a":1,"a":2}',
        b"\xef\xbb\xbf{}",
    ],
    "jwk_set": [
        json.dumps(ISSUER.jwk_set()).encode(),
        b'{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"}]}',
    ],
    "introspection_answer": [
        json.dumps(_CLAIMS).encode(),
        b'{"active":false}',
        b'{"active":"true"}',
    ],
    "metadata": [json.dumps(ISSUER.metadata_document()).encode()],
    "response_headers": [
        b"public, max-age=600",
        b"no-store",
        b"Wed, 21 Oct 2026 07:28:00 GMT",
        b"120",
    ],
    "rule_paths": [
        b"\0/healthz",
        b"\0/v1/user/7?x=1",
        b"\0/files/a%2fb",
        b"\1//healthz/..;/v1",
        b"\2http://h/healthz\nDELETE",
    ],
    "rule_texts": [
        b'[[rules]]\nmethod = "GET"\npath = "/v1/<int:n>"\nscope = "a b"\n',
        (
            b'{"openapi":"3.1.0","servers":[{"url":"/v1"}],"security":[{"o":["a"]}],'
            b'"components":{"securitySchemes":{"o":{"type":"oauth2"}}},'
            b'"paths":{"/a/{b}":{"get":{}}}}'
        ),
    ],
    "settings_text": [
        (
            b'issuer = "https://a.test"\naudience = "https://b.test"\n'
            b'introspection_client_auth = "client_secret_basic"\n'
            b'introspection_client_id = "c"\n'
        ),
        b"issuer=https://a.test\naudience=a b\nscope_aliases={}\nmax_token_bytes=1\n",
    ],
    "requests_of_servers": [b"GET\0/a\0x=1\0Bearer a\0b\x003\x00127.0.0.1", b"/root\0/root/a"],
}
