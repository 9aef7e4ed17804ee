"""The recipes: the pages show the files that the tests run, and common parts are equal."""

from __future__ import annotations

import tomllib

import pytest

from iiniit_guard.rules.mcp_headers import METHOD, NAME, VERSION
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings
from tests.integration.gateways.recipes import DEBIAN, EXAMPLES, FROM_WHEELS
from tests.integration.gateways.tls_world import LISTENERS

PAGES = EXAMPLES.parents[1] / "docs" / "how-to" / "gateways"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir())
PAGE_OF = {"nginx-cache": "nginx.md"}


@pytest.mark.parametrize(
    "file",
    [file for folder in FOLDERS for file in sorted(folder.iterdir())],
    ids=lambda file: f"{file.parent.name}/{file.name}",
)
def test_the_page_shows_the_file_that_is_run(file):
    page = (PAGES / PAGE_OF.get(file.parent.name, f"{file.parent.name}.md")).read_text(
        encoding="utf-8"
    )
    text = file.read_text(encoding="utf-8")

    if file.name == "guard.toml" and file.parent.name not in {"nginx", "kubernetes"}:
        # One settings file is like the other but for the gateway's name; the page names what
        # differs.
        assert f"../../examples/gateways/{file.parent.name}/guard.toml" in page
    else:
        assert f"```\n{text}```\n" in page.replace("```nginx\n", "```\n").replace(
            "```lua\n", "```\n"
        ).replace("```yaml\n", "```\n").replace("```toml\n", "```\n").replace(
            "```apache\n", "```\n"
        ).replace("```text\n", "```\n")


def test_every_folder_is_run_or_says_that_it_is_not():
    run = {recipe.folder for recipe in (*DEBIAN, *FROM_WHEELS)}
    for folder in FOLDERS:
        if folder.name not in run:
            assert folder.name == "kubernetes"
            assert all(
                file.read_text().startswith("# NOT TESTED") for file in folder.glob("*.yaml")
            )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_settings_are_alike_and_name_their_gateway(folder):
    written = tomllib.loads((folder / "guard.toml").read_text())
    nginx = tomllib.loads((EXAMPLES / "nginx" / "guard.toml").read_text())

    assert read_settings(folder / "guard.toml").gateway == written["gateway"]
    assert written.pop("gateway") == {"nginx-cache": "nginx", "kubernetes": "nginx"}.get(
        folder.name, folder.name
    )
    if folder.name != "kubernetes":
        del nginx["gateway"]
        assert written["server"].pop("auth_max_age_seconds", 0) == (
            10 if folder.name == "nginx-cache" else 0
        )
        assert written == nginx


def test_the_recipe_that_remembers_is_the_other_one_and_more():
    plain = (EXAMPLES / "nginx" / "nginx.conf").read_text().splitlines()[2:]
    remembering = iter((EXAMPLES / "nginx-cache" / "nginx.conf").read_text().splitlines())

    # The recipe without a cache clears the fields that the recipe with a cache sends here.
    kept = [line for line in plain if "only a recipe that caches grants" not in line]
    assert len(plain) - len(kept) == 1
    assert [
        line for line in kept if line not in remembering
    ] == []  # `in` moves the iterator on: the order counts


@pytest.mark.parametrize("recipe", [*DEBIAN, *FROM_WHEELS], ids=str)
def test_a_test_changes_in_a_recipe_what_is_there(recipe):
    text = "".join(
        file.read_text()
        for file in (EXAMPLES / recipe.folder).iterdir()
        if file.name != "guard.toml"
    )

    assert all(place in text for place in recipe.places)
    assert recipe.patience in text
    assert all(port in text for port in ("8000", "8080", "8081", "3000"))


def test_envoy_passes_every_field_of_mcp_to_the_guard():
    """The other gateways pass all fields."""
    text = (EXAMPLES / "envoy" / "envoy.yaml").read_text()

    for name in (VERSION, METHOD, NAME):
        assert f"{{ exact: {name.decode()}, ignore_case: true }}" in text


def test_the_page_of_traefik_shows_what_the_tests_change_for_certificates():
    page = (PAGES / "traefik.md").read_text().partition("## Client certificates")[2]
    shown = {line.partition(" #")[0].strip() for line in page.partition("\n## ")[0].splitlines()}
    written = [new for name, _, new in LISTENERS["traefik"] if name == "dynamic.yml"]

    wanted = {line.strip() for new in written[:3] for line in new.splitlines()}
    assert wanted - shown == {'X-Original-Method: ""'}
    assert "clientAuthType: VerifyClientCertIfGiven" in shown
