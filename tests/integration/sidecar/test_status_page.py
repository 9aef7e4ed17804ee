"""The status page: every state in words and numbers; every text is escaped."""

from __future__ import annotations

import re

import pytest

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.sidecar.status.chart import Tick, bars, nice_top, steps
from iiniit_guard.sidecar.status.formatting import (
    MEANINGS,
    at_most,
    clock,
    count,
    lasting,
    moment,
    percent,
    shown,
    things,
    within,
)
from iiniit_guard.sidecar.status.history import BOUNDS
from iiniit_guard.sidecar.status.issuers_table import state_of
from iiniit_guard.sidecar.status.page import REFRESH_SECONDS, render
from iiniit_guard.sidecar.status.window import last_hour
from tests.integration.sidecar.page_reader import Reader
from tests.integration.sidecar.snapshots import (
    HOSTILE,
    NOW,
    SITES,
    busy,
    issuer,
    nothing,
    site,
    whole,
)


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert (reader.faults, reader.open) == ([], [])
    return reader.words


def words(snapshot, **how):
    return " ".join(read(render(snapshot, **how)))


@pytest.mark.parametrize("name", SITES)
def test_every_state_is_a_whole_page_that_loads_nothing(name):
    html = render(site(name))

    read(html)
    assert "<script" not in html
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["?live=no", "metrics", "status.json"]
    assert re.findall(r"url\(([^)]*)\)", html) == [
        reference for reference in re.findall(r"url\(([^)]*)\)", html) if reference[0] == "#"
    ]
    assert "@import" not in html


@pytest.mark.parametrize(
    "name, said",
    [
        (
            "started",
            [
                "All is well",
                "1 worker",
                "up 40 s",
                "1 of 1",
                "0 since the start",
                "Nothing was refused since the start",
                "—",
            ],
        ),
        (
            "starting",
            ["Not ready", "connection refused", "No keys yet", "none yet", "0 of 1", "no keys"],
        ),
        (
            "healthy",
            [
                "All is well",
                "for nginx",
                "2 workers",
                "up 5 h 0 min",
                "3 of 3",
                "verified here",
                "not used",
                "4,120",
                "2 keys, 31 min old",
            ],
        ),
        (
            "outage",
            [
                "1 of 2 issuers failing",
                "status 500",
                "could not be reached lately",
                "The keys at hand go on",
                "answered 503",
            ],
        ),
        (
            "outage",
            [
                "The settings file has faults, so those of 2030-03-17 15:47 stay in use",
                "server.colour: unknown setting",
            ],
        ),
        ("many", ["1 of 141 issuers failing", "129 more: 129 healthy", "140 of 141"]),
        ("long", ["1 of 1 issuer failing"]),
    ],
)
def test_it_says_how_things_are(name, said):
    page = words(site(name), live=False)

    assert [each for each in said if each not in page] == []


def test_who_fails_comes_first_and_the_rest_is_one_press_away():
    them = [
        issuer(f"https://{number}.example", healthy=number < 15, keys=None) for number in range(16)
    ]
    page = words(
        whole(nothing(), *them, issuer("https://z.example", errors={"keys": "jwks: status 500"}))
    )

    assert (
        page.index("https://z.example")
        < page.index("https://15.example")
        < page.index("https://0.example")
    )
    assert "5 more: 5 healthy" in page
    assert [
        state_of(issuer(healthy=False)),
        state_of(issuer(errors={"keys": ""})),
        state_of(issuer()),
    ] == ["wait", "bad", "good"]
    waiting = words(whole(nothing(), *(issuer(str(number), healthy=False) for number in range(13))))
    assert "1 more: 1 waiting" in waiting


def test_old_settings_are_the_headline_where_nothing_is_worse():
    page = words(
        whole(nothing(), settings={"loaded_at": NOW, "faults": ["colour: unknown setting"]})
    )

    assert page.startswith("Old settings in use · iiniit-guard")


def test_it_loads_itself_anew_until_somebody_pauses_it():
    assert f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' in render(site("healthy"))
    paused = render(site("healthy"), live=False)
    assert "http-equiv" not in paused
    assert 'href="?"' in paused


def test_numbers_are_in_the_table_too():
    snapshot = whole(busy())
    minute = snapshot["minutes"][-1]
    page = words(snapshot)
    asked = sum(number for *_, number in minute["counts"])

    assert f"{clock(minute['minute'])} {count(asked)}" in page
    assert page.count("17:46") >= 3
    assert f"no_token {MEANINGS['no_token']} 713 3,565" in page


def test_a_site_without_local_keys_saves_calls_alone():
    assert "no check of its signature" in words(site("healthy"))
    assert "no check of its signature" not in words(
        whole(busy(), issuer(jwt="introspect", keys=None, keys_age=None))
    )


def test_keys_from_a_file_have_no_age():
    assert "3 keys Introspection calls" in words(whole(nothing(), issuer(keys_age=None)))
    assert (
        "the keys" not in words(whole(nothing(), issuer(keys=None, errors={"keys": "x"}))).lower()
    )


def test_hostile_texts_stay_texts():
    html = render(site("hostile"))

    assert words(site("hostile")).count("<script>alert('x')</script>") >= 7
    assert not re.search(r"<script|<img|\x00|\x1b|\u202e", html)
    assert "\\u202egnp\\u0000\\u001b" in html


def test_one_refusal_among_thousands_is_drawn():
    drawn = bars(
        [[("allow", 10_000.0), ("deny", 1.0), ("unavailable", 0.0)]], [""], 10_000, [], "x"
    )

    assert 'fill="url(#deny)"' in drawn
    assert float(re.findall(r'height="([\d.]+)%"', drawn)[1]) > 1
    assert "unavailable" not in drawn


def test_lines_have_gaps_where_nothing_was_counted():
    drawn = steps([("p50", [None, 0.5, 0.25, None, 1.0])], [""] * 5, [Tick(0.5, "half")], "<x>")

    assert 'd="M1 50.00H2V75.00H3M4 0.00H5"' in drawn
    assert 'aria-label="&lt;x&gt;"' in drawn


def test_the_hour_has_sixty_places():
    hour = last_hour(whole(busy(3)))

    assert (len(hour.minutes), hour.minutes[56], hour.first) == (60, None, NOW // 60 - 59)
    denied = hour.minutes[58]["decisions"]["deny"]  # type: ignore[index]
    assert (hour.of(0, "allow"), hour.of(58, "deny")) == (0, denied)
    assert hour.total["requests"] == sum(minute["requests"] for minute in hour.minutes if minute)


def test_a_clock_that_was_set_back_hides_no_minute():
    snapshot = {**busy(3), "now": NOW - 600}

    assert last_hour(snapshot).first == NOW // 60 - 59


@pytest.mark.parametrize(
    "most, top",
    [
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 4),
        (5, 6),
        (7, 8),
        (9, 10),
        (10, 10),
        (11, 20),
        (61, 80),
        (99, 100),
        (2_500, 4_000),
    ],
)
def test_scales_are_round(most, top):
    assert nice_top(most) == top


def test_words_for_numbers():
    assert [count(0), count(12_345), count(1_234_567), count(2e9), count(3e13)] == [
        "0",
        "12,345",
        "1.23\u202fM",
        "2\u202fG",
        "30\u202fT",
    ]
    assert [things(1, "key"), things(2, "key"), things(0, "reply", "replies")] == [
        "1 key",
        "2 keys",
        "0 replies",
    ]
    shares = (None, 0.0, 1e-9, 0.5, 0.123, 0.99999, 1.0)
    assert [percent(share) for share in shares] == [
        "—",
        "0\u202f%",
        "0.1\u202f%",
        "50\u202f%",
        "12.3\u202f%",
        "99.9\u202f%",
        "100\u202f%",
    ]
    assert [within(bound).replace("\u202f", "") for bound in (*BOUNDS[:4], *BOUNDS[-4:])] == (
        ["10µs", "20µs", "50µs", "100µs", "1s", "2s", "5s", "10s"]
    )
    assert [within(None), at_most(None), at_most(0.005)] == ["—", "—", "≤\u202f5\u202fms"]
    assert [lasting(age) for age in (-3, 59, 61, 3_700, 90_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert (clock(0), moment(NOW)) == ("00:00", "2030-03-17 17:47")
    assert (shown("a\u202fb & \u2028"), len(shown("x" * 999))) == ("a\u202fb &amp; \\u2028", 401)


def test_every_reason_has_its_meaning():
    assert MEANINGS.keys() == {reason.value for reason in Reason}


def test_nothing_hostile_is_in_the_hostile_strings_own_escape():
    assert "<" not in shown(HOSTILE)
    assert '"' not in shown(HOSTILE)
