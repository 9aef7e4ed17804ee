"""`iiniit-guard doctor`: check the settings and everything that the guard depends on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Final

import click

from iiniit_guard.cli.doctor.finding import Finding, Level
from iiniit_guard.cli.doctor.issuer_checks import check_issuer
from iiniit_guard.cli.doctor.settings_checks import (
    check_environment,
    check_settings,
    revocation_delays,
)
from iiniit_guard.cli.doctor.store_checks import check_store
from iiniit_guard.cli.doctor.tls_checks import check_tls
from iiniit_guard.cli.doctor.url_checks import check_url
from iiniit_guard.cli.observed import Observer, observed
from iiniit_guard.cli.printable import folded, printable
from iiniit_guard.cli.progress import progress
from iiniit_guard.cli.settings_source import Source, read_settings, settings_option
from iiniit_guard.core.model.flow import Connection
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.effects import EffectRunner

_MARKS: Final[Mapping[Level, tuple[str, str | None]]] = {
    "ok": ("✓", "green"),
    "info": ("·", None),
    "warning": ("!", "yellow"),
    "fault": ("✗", "red"),
    "unknown": ("?", "yellow"),
}


@click.command(
    short_help="Check what a guard depends on.",
    epilog="Exit status: 0 without a fault; 1 with one; 2 for a wrong command line.",
)
@settings_option
@click.option("--url", metavar="URL", help="Also check the running API at this guarded path.")
@click.option("--ca-file", type=click.Path(exists=True), help="Trusted roots for --url.")
@click.option("--strict", is_flag=True, help="Exit with 1 for a warning too.")
@click.option("--json", "shows_json", is_flag=True, help="Print a JSON object.")
def doctor(
    place: str | None, url: str | None, ca_file: str | None, strict: bool, shows_json: bool
) -> None:
    """Check the settings, the issuers, the store and the clock. Each finding names its remedy.

    The command calls the issuers as the guard does: metadata, keys, and introspection of a random
    token with the real credentials. With --url it sends requests to the running API, without a
    token and with random tokens, to find out what the layers in front of the guard do.
    """
    found: list[Finding] = []
    for finding in _findings(place, url, ca_file):
        found.append(finding)
        if not shows_json:
            click.echo(_line(finding))
    failing = ("fault", "warning") if strict else ("fault",)
    is_well = not any(finding.level in failing for finding in found)
    if shows_json:
        document = {"ok": is_well, "findings": [finding.as_json() for finding in found]}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(_summary(found))
    raise SystemExit(0 if is_well else 1)


def _findings(place: str | None, url: str | None, ca_file: str | None) -> Iterator[Finding]:
    try:
        source = read_settings(place)
    except SettingsError as error:
        cure = "correct the setting; docs/reference/settings.md describes each"
        for fault in error.faults:
            yield Finding("settings", "fault", place or "", fault, cure)
    else:
        yield from _of_settings(source)
    if url is not None:
        runner = EffectRunner()
        try:
            yield from _slowly(check_url(url, runner, Connection(ca_file=ca_file), time.time))
            yield from check_tls({url: Connection(ca_file=ca_file)}, time.time())
        finally:
            runner.close()


def _of_settings(source: Source) -> Iterator[Finding]:
    settings = source.settings
    yield from check_settings(settings, source.name)
    yield from check_environment(os.environ, settings)
    resource, observer = observed(
        settings, may_call=True, transport=source.transport, wall=source.wall or time.time
    )
    try:
        yield from _slowly(_of_issuers(resource, observer))
    finally:
        observer.runner.close()
    yield check_store(settings.store_url)
    yield from revocation_delays(resource)


def _of_issuers(resource: ProtectedResource, observer: Observer) -> Iterator[Finding]:
    for server in resource.servers:
        calls = len(observer.calls)
        yield from check_issuer(server, resource, observer)
        if observer.runner.transport is None:
            urls = {url: server.connection for _, url, _ in observer.calls[calls:]}
            yield from check_tls(urls, resource.clock.wall())
    if resource.finds_issuers:
        text = "a callable finds the issuers, so they are known only from tokens"
        yield Finding("discovery", "unknown", "", text)


def _slowly(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings; show that the command waits if one takes longer than a second."""
    while True:
        with progress("waiting for an answer"):
            finding = next(findings, None)
        if finding is None:
            return
        yield finding


def _line(finding: Finding) -> str:
    mark, colour = _MARKS[finding.level]
    subject = f"{finding.subject}: " if finding.subject else ""
    text = folded(f"{mark} {finding.area:14} {printable(f'{subject}{finding.text}')}", 17)
    lines = [text if colour is None else click.style(text, fg=colour)]
    if finding.cure is not None and finding.level != "ok":
        lines.append(folded(f"{'':17}cure: {printable(finding.cure)}", 23))
    return "\n".join(lines)


def _summary(found: list[Finding]) -> str:
    levels = [finding.level for finding in found]
    counts = [f"{levels.count(level)} {level}" for level in _MARKS if levels.count(level)]
    return f"\n{len(found)} findings: {', '.join(counts)}"
