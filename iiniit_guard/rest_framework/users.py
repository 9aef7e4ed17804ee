"""The user of a request whose project has no model for its users."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.access_token import AccessToken, Principal


class TokenUser:
    """The caller of a request, as a verified credential describes it.

    It satisfies `IsAuthenticated` and has no permission of Django. Its `repr` omits the subject.

    Attributes:
        credential: The access token or the other credential.
        username: The subject of the credential, otherwise the client of the token; may be empty.
        pk: The issuer (or the scheme of another credential) and `username`, so that two issuers
            never have the same user. It is not the key of a table.
    """

    is_active: Final = True
    is_authenticated: Final = True
    is_anonymous: Final = False
    is_staff: Final = False
    is_superuser: Final = False

    def __init__(self, credential: AccessToken | Principal) -> None:
        self.credential = credential
        if isinstance(credential, AccessToken):
            self.username: str = credential.subject or credential.client_id or ""
            source = credential.issuer
        else:
            self.username, source = credential.subject or "", credential.scheme
        self.pk: str = f"{source} {self.username}"

    @property
    def id(self) -> str:
        """The same as `pk`."""
        return self.pk

    def get_username(self) -> str:
        """Return `username`."""
        return self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: a token has scopes and no permissions of Django."""
        return False

    def has_perms(self, perm_list: object, obj: object = None) -> bool:
        """Return False; see `has_perm`."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        """Return False; see `has_perm`."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and other.pk == self.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return self.username

    def __repr__(self) -> str:
        return "TokenUser()"
