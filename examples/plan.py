"""What the demo starts: the processes and their ports."""

from __future__ import annotations

from dataclasses import dataclass

FRAMEWORKS = ("flask", "django", "starlette", "fastapi")


@dataclass(frozen=True, slots=True)
class Plan:
    """The processes to start, and their settings.

    Attributes:
        frameworks: The frameworks, each of which gets a profile API of its own.
        introspecting: The framework of one more API, whose guard introspects JWTs too; None for no
            such API.
        ports: The port of each process, by its name. Without a port for `browser`, the page whose
            script is a client does not run.
        token_kind: The kind of access token that the client preselects.
        revocation_delay_seconds: The maximum time in seconds after which the guards of the APIs
            refuse a revoked token.
        expiry_leeway_seconds: The time in seconds after `exp` during which the guards still accept
            a token.
        access_token_seconds: The maximum lifetime of an access token in seconds.
        short_life_seconds: The lifetime in seconds of the token that demonstrates expiry.
        gateway_port: The port of the gateway; None for a demo without one.
    """

    frameworks: tuple[str, ...]
    introspecting: str | None
    ports: dict[str, int]
    token_kind: str = "jwt"
    revocation_delay_seconds: int = 15
    expiry_leeway_seconds: int = 5
    access_token_seconds: int = 300
    short_life_seconds: int = 10
    gateway_port: int | None = None

    def api_names(self) -> dict[str, tuple[str, str]]:
        """Return the pairs (framework, setting `jwt`) by name of the API."""
        names = {framework: (framework, "verify") for framework in self.frameworks}
        if self.introspecting:
            names["introspecting"] = (self.introspecting, "introspect")
        return names

    def process_names(self) -> list[str]:
        """Return the names of all processes, in the order of their start."""
        page = [name for name in ("browser",) if name in self.ports]
        return ["authorization_server", *self.api_names(), "client", *page]
