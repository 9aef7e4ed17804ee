"""A fixed RSA key. The checks of a public key take a different number of steps for each key."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from iiniit_guard.testing import SigningKey

_EXPONENT: Final = 65537
_P: Final = int(
    "fdbe5fc23f1c8441348245e3d2c9b0fd76c24a5758dbc7871d04929c235d2990c37d2344e9ba1d87238d2ee7"
    "f48783d394405f470fdf13f0849a06b0c34afb1d4d35cb425313dda4e2bd2263ad66252c922bc72f880b2f6a"
    "72e2f1007babcb3f12896537ff6cfdee1f4197af8deabc68ce9d29acefc01fea242fefa89214757d",
    16,
)
_Q: Final = int(
    "c78337a46ffca0fb9cc460cc597c69347423e3596b0613f0c3615f4a77006a95d24d3a86c9dfb4b02e2ea2f8"
    "e16a5aa882e8f380ce4f5450e0fb92defe2b851863644756055629771062dbeb844f81ce7c52e30e19cb0384"
    "6cc3f267e2b1b065a726487c212412ada639fe3286a775b23137bfbe81dd28b7d03696872d55465f",
    16,
)


def make_fixed_key() -> SigningKey:
    """Return the same key in every process."""
    d = rsa.rsa_recover_private_exponent(_EXPONENT, _P, _Q)
    numbers = rsa.RSAPrivateNumbers(
        _P,
        _Q,
        d,
        rsa.rsa_crt_dmp1(d, _P),
        rsa.rsa_crt_dmq1(d, _Q),
        rsa.rsa_crt_iqmp(_P, _Q),
        rsa.RSAPublicNumbers(_EXPONENT, _P * _Q),
    )
    return SigningKey("fixed", "RS256", numbers.private_key())
