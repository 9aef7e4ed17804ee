"""The SQLite database: users, clients, codes, tokens and signing keys.

Each call opens a connection of its own, so threads and processes can share the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from werkzeug.security import generate_password_hash

from examples.authorization_server.records import Client, Code, Token, User, digest
from examples.authorization_server.settings import Settings

_TABLES = """
create table if not exists users (
    user_id text primary key, username text not null unique, password_hash text not null);
create table if not exists clients (
    client_id text primary key, secret_digest text not null, name text not null,
    redirect_uris text not null, scopes text not null,
    token_format text not null, introspects text, audience text);
create table if not exists codes (
    digest text primary key, grant_id text not null, client_id text not null,
    user_id text not null, redirect_uri text not null, scope text not null,
    code_challenge text not null, expires_at real not null, used integer not null default 0);
create table if not exists tokens (
    digest text primary key, kind text not null, grant_id text not null, client_id text not null,
    user_id text not null, scope text not null, audience text not null,
    issued_at integer not null, expires_at integer not null, revoked_at real,
    key_thumbprint text);
create index if not exists tokens_by_grant on tokens (grant_id);
create table if not exists keys (
    kid text primary key, jwk text not null, created_at real not null, retired_at real);
"""


class Store:
    """The persistent data of the authorization server."""

    def __init__(self, path: Path) -> None:
        """Open or create the database at `path`.

        Only its owner can read the file, because it holds the signing keys.
        """
        self._path = path
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._connect() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.executescript(_TABLES)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=5)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def _one(self, sql: str, *values: object) -> sqlite3.Row | None:
        with self._connect() as connection:
            row: sqlite3.Row | None = connection.execute(sql, values).fetchone()
            return row

    def register(self, settings: Settings) -> None:
        """Store the users and clients of the settings.

        Only new passwords are hashed, because hashing a password is slow.
        """
        with self._connect() as connection:
            known = {row["user_id"] for row in connection.execute("select user_id from users")}
            for user in settings.users:
                if user.user_id not in known:
                    values = (user.user_id, user.username, generate_password_hash(user.password))
                    connection.execute("insert into users values (?, ?, ?)", values)
            connection.execute("delete from clients")
            for client in settings.clients:
                connection.execute(
                    "insert into clients values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        client.client_id,
                        digest(client.secret),
                        client.name,
                        json.dumps(client.redirect_uris),
                        " ".join(client.scopes),
                        client.token_format,
                        client.introspects,
                        client.audience,
                    ),
                )

    def user(self, user_id: str) -> User | None:
        """Return an account by its identifier."""
        row = self._one("select * from users where user_id = ?", user_id)
        return User(**row) if row else None

    def user_by_name(self, username: str) -> User | None:
        """Return an account by its user name."""
        row = self._one("select * from users where username = ?", username)
        return User(**row) if row else None

    def client(self, client_id: str) -> Client | None:
        """Return a client by its identifier."""
        row = self._one("select * from clients where client_id = ?", client_id)
        if row is None:
            return None
        values: dict[str, Any] = {
            **row,
            "redirect_uris": tuple(json.loads(row["redirect_uris"])),
            "scopes": tuple(row["scopes"].split(" ")),
        }
        return Client(**values)

    def add_code(self, code: str, record: Code) -> None:
        """Store an authorization code under its digest."""
        with self._connect() as connection:
            connection.execute(
                "insert into codes values (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (digest(code), *astuple(record)[:-1]),
            )

    def take_code(self, code: str, client_id: str) -> Code | None:
        """Mark a code as used and return it.

        None if the code is unknown, expired, used before or was issued to another client. One
        statement finds and marks the code, so that two concurrent requests cannot both use it. A
        second use means that an attacker may have stolen the code, so all tokens that resulted from
        it are revoked (RFC 6749 §4.1.2).
        """
        with self._connect() as connection:
            row = connection.execute(
                "update codes set used = 1 where digest = ? and client_id = ? and used = 0 "
                "returning *",
                (digest(code), client_id),
            ).fetchone()
            if row is None:
                connection.execute(
                    "update tokens set revoked_at = ? where revoked_at is null"
                    " and grant_id in (select grant_id from codes where digest = ?)",
                    (time.time(), digest(code)),
                )
                return None
        if time.time() >= row["expires_at"]:
            return None
        # a Row iterates over values
        names = [name for name in row.keys() if name not in ("digest", "used")]  # noqa: SIM118
        return Code(**{name: row[name] for name in names})

    def add_token(self, token: Token) -> None:
        """Store a token."""
        with self._connect() as connection:
            connection.execute(
                "insert into tokens values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(token)
            )

    def token(self, value: str, *kinds: str) -> Token | None:
        """Return a token of one of the `kinds` by its value."""
        row = self._one("select * from tokens where digest = ?", digest(value))
        return Token(**row) if row and row["kind"] in kinds else None

    def revoke(self, token: Token) -> Token:
        """Revoke one token."""
        revoked = replace(token, revoked_at=token.revoked_at or time.time())
        with self._connect() as connection:
            connection.execute(
                "update tokens set revoked_at = ? where digest = ?",
                (revoked.revoked_at, token.digest),
            )
        return revoked

    def revoke_grant(self, grant_id: str) -> None:
        """Revoke all tokens of one approval."""
        with self._connect() as connection:
            connection.execute(
                "update tokens set revoked_at = ? where grant_id = ? and revoked_at is null",
                (time.time(), grant_id),
            )

    def grants(self, user_id: str) -> list[Token]:
        """Return the valid refresh tokens of this user, one for each approval, the newest first."""
        with self._connect() as connection:
            rows = connection.execute(
                "select * from tokens where user_id = ? and kind = 'refresh' and revoked_at is "
                "null and expires_at > ?"
                " order by issued_at desc",
                (user_id, time.time()),
            )
            return [Token(**row) for row in rows]

    def keys(self, published_after: float) -> list[tuple[str, bool]]:
        """Return the keys that are in use or were retired after that time, the newest first.

        Each is a pair of the JWK as JSON and whether the key signs.
        """
        with self._connect() as connection:
            rows = connection.execute(
                "select jwk, retired_at from keys where retired_at is null or retired_at > ? "
                "order by created_at desc",
                (published_after,),
            )
            return [(row["jwk"], row["retired_at"] is None) for row in rows]

    def add_key(self, kid: str, jwk: str) -> None:
        """Add the key that signs from now on, and retire the others."""
        now = time.time()
        with self._connect() as connection:
            connection.execute("update keys set retired_at = ? where retired_at is null", (now,))
            connection.execute("insert into keys values (?, ?, ?, null)", (kid, jwk, now))
