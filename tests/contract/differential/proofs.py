"""Compare the guard with the independent verifier of DPoP proofs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from iiniit_guard import Request
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.testing import Issuer, SettableClock, SigningKey, make_key
from iiniit_guard.testing.dpop import key_thumbprint
from iiniit_guard.testing.jws import encode, write_jws
from tests.contract.differential.compare import START, Difference, Tally
from tests.contract.differential.naive_proof import ALGORITHMS, RefusedProof, verify_proof

_KEYS: Final = {
    algorithm: [make_key(algorithm, "proofs", number) for number in (1, 2)]
    for algorithm in ALGORITHMS
}
_PATHS: Final = ("/", "/a/b", "/a%2Fb", "/a;b/c", "/~x/%C3%A9", "/a/b/")
_METHODS: Final = ("GET", "POST", "DELETE")
_GROUP: Final = 40
Parts = dict[str, Any]
Change = Callable[[Random, Parts], None]


def _claim(name: str, *values: Any) -> Change:
    def change(random: Random, parts: Parts) -> None:
        value = random.choice(values)
        if value is KeyError:
            parts["claims"].pop(name, None)
        else:
            parts["claims"][name] = value

    return change


def _header(name: str, *values: Any) -> Change:
    def change(random: Random, parts: Parts) -> None:
        value = random.choice(values)
        if value is KeyError:
            parts["header"].pop(name, None)
        else:
            parts["header"][name] = value

    return change


def _jwk(random: Random, parts: Parts) -> None:
    key = parts["header"].get("jwk")
    if not isinstance(key, dict):
        return
    name = random.choice(["d", "k", "use", "key_ops", "alg", "x", "kty", "crv", "kid", "ext"])
    key[name] = random.choice(
        ["A" * 43, "sig", "enc", ["verify"], ["sign"], "ES256", "Ed25519", "EC", "P-256", True]
    )


def _iat(random: Random, parts: Parts) -> None:
    parts["claims"]["iat"] = parts["now"] + random.choice(
        [-61, -60, -59.5, -1, 0, 4, 5, 5.5, 6, 3600, -3600]
    )


def _htu(random: Random, parts: Parts) -> None:
    url = parts["url"]
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    parts["claims"]["htu"] = random.choice(
        [
            f"{scheme.upper()}://{host.upper()}{slash}{path}",
            f"{scheme}://{host}:443{slash}{path}",
            f"{scheme}://{host}:{slash}{path}",
            f"{scheme}://{host}:8443{slash}{path}",
            f"http://{host}{slash}{path}",
            f"wss://{host}{slash}{path}",
            f"{url}?query=1",
            f"{url}#fragment",
            f"{url}/",
            f"{url}/.",
            f"{url}/../{path}",
            f"{scheme}://{host}/x/..{slash}{path}",
            f"{scheme}://{host}/%2e{slash}{path}",
            f"{scheme}://evil@{host}{slash}{path}",
            f"{scheme}://{host}.evil.test{slash}{path}",
            url.replace("a", "%61").replace("%2F", "%2f"),
            url.replace("%2F", "/"),
            url.replace(";", "%3B"),
            f"/{path}",
            f" {url}",
            f"{url}\n",
            url.replace("/a", "/A"),
        ]
    )


_WAYS: Final = ("flip", "cut", "pad", "dot", "comma", "space", "twice", "sort")


def _octets(random: Random, parts: Parts) -> None:
    parts["octets"] = random.choice(
        ["flip", "cut", "pad", "dot", "comma", "space", "twice", "sort"]
    )


def _signer(random: Random, parts: Parts) -> None:
    parts["signer"] = random.choice(random.choice(list(_KEYS.values())))


def _fields(random: Random, parts: Parts) -> None:
    parts["fields"] = random.choice([0, 2])


def _replay(_random: Random, parts: Parts) -> None:
    parts["replay"] = True


_CHANGES: Final[dict[str, Change]] = {
    "jti": _claim("jti", KeyError, "", 1, None, "x" * 256, "x" * 257, "é" * 128, "é" * 129),
    "htm": _claim("htm", KeyError, "get", "GET", "POST", 1, ["GET"]),
    "ath": _claim("ath", KeyError, "x" * 43, 1, ""),
    "iat": _iat,
    "iat type": _claim("iat", KeyError, "1800000000", True, None, -1, 1e400, float("nan")),
    "htu": _htu,
    "htu type": _claim("htu", KeyError, 1, None, "", ["https://api.test/"]),
    "more claims": _claim("sub", "x", 1, None),
    "typ": _header("typ", KeyError, "JWT", "at+jwt", "DPoP+JWT", "application/dpop+jwt"),
    "alg": _header("alg", "none", "HS256", "ES512", "PS256", *ALGORITHMS),
    "crit": _header("crit", ["jwk"], []),
    "zip": _header("zip", "DEF"),
    "kid": _header("kid", "1"),
    "no jwk": _header("jwk", KeyError, "x", [], {}, {"kty": "oct", "k": "AAAA"}),
    "jwk": _jwk,
    "octets": _octets,
    "signer": _signer,
    "fields": _fields,
    "replay": _replay,
}


class _Scene:
    """A guard, with one bound token for each key, and what was sent to it."""

    def __init__(self, make: Callable[[Issuer], Any]) -> None:
        issuer = Issuer(clock=SettableClock(START))
        self.guard = make(issuer)
        self.seen: set[tuple[str, str, str]] = set()
        self.sent: list[list[str]] = []
        keys = [key for pair in _KEYS.values() for key in pair]
        self.tokens = {(key.algorithm, key.kid): issuer.token(dpop_key=key) for key in keys}


def compare_proofs(
    seed: int, number: int, tally: Tally, make: Callable[..., Any] | None = None
) -> Iterator[Difference]:
    """Yield the proofs about which the two differ.

    Args:
        seed: Of the cases.
        number: How many cases.
        tally: Counts the answers of the guard.
        make: Makes the guard from an issuer, for faults that a test plants; None for the real one.
    """
    scene = _Scene(make or _guard)
    for position in range(number):
        if position % _GROUP == _GROUP - 1:
            scene = _Scene(make or _guard)
        random = Random(f"{seed}-{position}")
        about, fields, asked = _case(random, scene)
        lines = [(b"authorization", f"DPoP {asked['token']}".encode())]
        lines += [(b"dpop", field.encode("utf-8", "surrogatepass")) for field in fields]
        method, path = asked["method"], asked["path"]
        decision = scene.guard.authenticate(Request(method, path, headers=lines, target=path))
        got = isinstance(decision, Allow)
        try:
            verify_proof(
                fields,
                method=method,
                url=f"https://api.test{path}",
                token=asked["token"],
                thumbprint=key_thumbprint(asked["key"]),
                now=START,
                seen=scene.seen,
            )
            expected, why = True, "good"
        except RefusedProof as refused:
            expected, why = False, str(refused)
        tally["good" if got else "refused"] += 1
        if expected != got:
            shown = "allow" if got else str(decision.reason)
            yield Difference(
                "proof", f"{seed}-{position}", why, shown, about, "".join(fields)[:600]
            )


def _guard(issuer: Issuer) -> Any:
    return issuer.guard(public_url="https://api.test", dpop_algorithms=ALGORITHMS)


def _case(random: Random, scene: _Scene) -> tuple[tuple[str, ...], list[str], Parts]:
    key = random.choice(random.choice(list(_KEYS.values())))
    method, path = random.choice(_METHODS), random.choice(_PATHS)
    token = scene.tokens[key.algorithm, key.kid]
    parts: Parts = {
        "url": f"https://api.test{path}",
        "now": START,
        "signer": key,
        "header": {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": _public(key)},
        "claims": {
            "jti": f"{random.random()}",
            "htm": method,
            "htu": f"https://api.test{path}",
            "iat": START,
            "ath": encode(hashlib.sha256(token.encode()).digest()),
        },
    }
    about = tuple(random.sample(list(_CHANGES), random.choice([0, 0, 1, 1, 1, 2])))
    for name in about:
        _CHANGES[name](random, parts)
    made = _write(random, parts)
    fields = [made] * parts.get("fields", 1)
    if parts.get("replay") and scene.sent:
        fields = random.choice(scene.sent)
    scene.sent.append(fields)
    return about, fields, {"key": key, "token": token, "method": method, "path": path}


def _public(key: SigningKey) -> Parts:
    return {**key.jwk(use=None, alg=None, kid=None)}


def _write(random: Random, parts: Parts) -> str:
    made = write_jws(
        json.dumps(parts["claims"]).encode(),
        json.dumps(parts["header"]).encode(),
        parts["signer"],
    )
    how = parts.get("octets")
    if how == "flip":
        place = random.randrange(len(made))
        sign = random.choice("ABCXYZabcxyz0189-_.")
        return made[:place] + sign + made[place + 1 :]
    if how == "sort":  # a second spelling of the header, signed again
        header = json.dumps(parts["header"], sort_keys=True, indent=1).encode()
        return write_jws(json.dumps(parts["claims"]).encode(), header, parts["signer"])
    if how == "twice":  # a repeated name
        claims = json.dumps(parts["claims"])[:-1] + ', "jti": "x"}'
        return write_jws(claims.encode(), json.dumps(parts["header"]).encode(), parts["signer"])
    changed = {"cut": made[:-1], "pad": f"{made}=", "dot": f"{made}.", "comma": f"{made},{made}"}
    return changed.get(str(how), f" {made}\t" if how == "space" else made)
