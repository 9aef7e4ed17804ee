"""The style sheet of the status page. It is inlined, because the page loads no resources."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f5f6fa; --surface: #fff; --sunken: #eef0f6; --line: #dce0ea; --grid: #e4e7f0; --text: #1b2033; --muted: #566079;
  --accent: #0b7268; --good: #14713d; --good-back: #e2f5e9; --wait: #8a5200; --wait-back: #fdf1da; --bad: #b01f2e; --bad-back: #fdeaec;
  --allow: #1f9d8f; --deny: #b45309; --deny-back: #f6d9b3; --out: #b01f2e; --spot: #fff; --calls: #5a45c8; --calls-back: #cfc8f5;
  --p50: #0b7268; --p95: #5145c4; --p99: #a8480b;
  --shadow: 0 1px 2px #1b203312, 0 6px 20px #1b20330d; --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f121a; --surface: #181c28; --sunken: #11141e; --line: #303750; --grid: #272d3f; --text: #e8ebf5; --muted: #a5adc6;
    --accent: #5fd4c4; --good: #6fd99a; --good-back: #14301f; --wait: #f5c26b; --wait-back: #33260d; --bad: #ff9aa2; --bad-back: #3a171c;
    --allow: #2fae9f; --deny: #f0a04b; --deny-back: #4d3415; --out: #ff8a94; --spot: #3a171c; --calls: #a99dff; --calls-back: #3a3273;
    --p50: #5fd4c4; --p95: #a5a8ff; --p99: #fbb26a; --shadow: 0 1px 2px #0006;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1, h2, h3, p, ul, dl, figure { margin: 0; padding: 0; }
h1 { font-size: 1.2rem; letter-spacing: -.01em; } h2 { font-size: 1.1rem; }
h2 small { font-size: .87rem; font-weight: 400; margin-left: .4rem; }
h3 { font-size: .98rem; line-height: 1.35; }
ul { list-style: none; } a { color: var(--accent); text-underline-offset: .2em; } code { font: .9em var(--mono); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.muted, .tile p, figcaption p, dt, td small, h2 small { color: var(--muted); }
header { background: var(--surface); border-bottom: 1px solid var(--line); }
header > div, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.1rem; }
header > div { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding-block: .8rem; }
header p { color: var(--muted); font-size: .9rem; } header .live { margin-left: auto; }
header .live a { display: inline-block; padding: .7rem .2rem; }
main { display: grid; gap: 1.6rem; padding-block: 1.4rem 2rem; grid-template-columns: minmax(0, 1fr); }
section { display: grid; gap: .8rem; grid-template-columns: minmax(0, 1fr); }
footer { color: var(--muted); font-size: .88rem; padding-bottom: 2.5rem; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 14px; padding: 1rem 1.15rem; box-shadow: var(--shadow);
  min-width: 0; }
.pill { display: inline-flex; align-items: center; gap: .4rem; border-radius: 99px; padding: .18rem .7rem .18rem .5rem; font-weight: 600;
  font-size: .87rem; white-space: nowrap; }
.pill svg { flex: none; fill: currentColor; } .pill svg path:last-child { fill: none; stroke: var(--surface); stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
.good { --state: var(--good); --back: var(--good-back); } .wait { --state: var(--wait); --back: var(--wait-back); }
.bad { --state: var(--bad); --back: var(--bad-back); } .pill { color: var(--state); background: var(--back); }
.notice { border-left: 5px solid var(--state); background: var(--back); border-radius: 10px; padding: .8rem 1rem; }
.notice h2 { color: var(--state); font-size: 1rem; } .notice ul { list-style: disc; padding-left: 1.2rem; }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.5rem), 1fr)); }
.tile { padding: .85rem 1rem; } .tile h3 { font-size: .85rem; font-weight: 500; color: var(--muted); }
.tile strong { display: block; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tile p { font-size: .85rem; }
.issuers { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.issuer { border-top: 4px solid var(--state); }
.issuer .head { display: grid; gap: .5rem; justify-items: start; }
.issuer h3 { font-family: var(--mono); font-size: .92rem; font-weight: 600; }
dl { display: grid; gap: .15rem; margin-top: .6rem; font-size: .9rem; }
dl div { display: flex; gap: .6rem; justify-content: space-between; }
dt { flex: none; } dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.failing { background: var(--bad-back); border-radius: 10px; padding: .6rem .8rem; margin-top: .7rem; font-size: .9rem; }
.failing h4 { margin: 0; color: var(--bad); } .failing p { margin-top: .3rem; } .failing b { font-weight: 600; }
.charts { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 29rem), 1fr)); }
.charts .card { display: grid; gap: .7rem; grid-template-rows: 1fr; }
figcaption p { font-size: .9rem; margin-top: .15rem; }
.plot { display: grid; grid-template-columns: 3.4rem minmax(0, 1fr); grid-template-rows: 9.5rem 1.3rem; margin-top: .5rem; }
.heights, .times { position: relative; color: var(--muted); font-size: .78rem; line-height: 1; font-variant-numeric: tabular-nums; }
.heights span { position: absolute; right: .5rem; transform: translateY(50%); white-space: nowrap; }
.times { grid-column: 2; } .times span { position: absolute; top: .4rem; transform: translateX(-50%); white-space: nowrap; }
.times span:first-child { transform: translateX(-100%); margin-left: .5rem; }
.times span:last-child { transform: none; margin-left: -.4rem; } .nw { white-space: nowrap; }
.drawn { position: relative; } .chart { width: 100%; height: 100%; display: block; overflow: visible; }
.nothing { position: absolute; inset: 0; display: grid; place-items: center; text-align: center; color: var(--muted); font-size: .9rem; }
.nothing span { background: var(--surface); padding: 0 .5rem; }
.grid { stroke: var(--grid); stroke-width: 1; } .area { fill: transparent; } g:hover > .area { fill: var(--muted); fill-opacity: .16; }
.allow, .saved { fill: var(--allow); } .deny { fill: var(--deny); } .deny-back { fill: var(--deny-back); }
.unavailable { fill: var(--out); } .spot { fill: var(--spot); } .calls { fill: var(--calls); } .calls-back { fill: var(--calls-back); }
.now > :not(.area) { opacity: .6; } .defs { position: absolute; }
path.p50, path.p95, path.p99, path.ratio { fill: none; stroke-width: 2.2; vector-effect: non-scaling-stroke; }
path.p50, path.ratio { stroke: var(--p50); stroke-width: 2.6; } path.p95 { stroke: var(--p95); stroke-dasharray: 7 4; }
path.p99 { stroke: var(--p99); stroke-dasharray: 2 3; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .87rem; padding-left: 3.4rem; }
.legend li { display: flex; align-items: center; gap: .45rem; } .sample { width: 26px; height: 14px; flex: none; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: .83rem; overflow-wrap: normal; }
td, th { padding: .45rem .5rem; vertical-align: top; }
tbody tr { border-top: 1px solid var(--line); } .n { text-align: right; } td.n { white-space: nowrap; } td:first-child { width: 100%; }
td small { display: block; font-size: .85rem; } td code { font-weight: 600; }
.share { display: block; width: 100%; height: 6px; margin-top: .35rem;
  border-radius: 3px; background: var(--sunken); overflow: hidden; }
.share rect { fill: var(--deny); }
details { border: 1px solid var(--line); border-radius: 14px; background: var(--surface); }
summary { cursor: pointer; padding: .75rem 1.15rem; min-height: 44px; font-weight: 600; color: var(--accent); }
details > ul { padding: 0 1rem 1rem; } .scroll { overflow-x: auto; padding: 0 .65rem .8rem; }
.scroll td, .scroll th { white-space: nowrap; }
@media (min-width: 40.01rem) { th.n { white-space: nowrap; } .n { padding-left: 1.6rem; } }
@media (max-width: 40rem) {
  header .live { margin-left: 0; } .tiles { grid-template-columns: 1fr 1fr; } .tile { padding: .75rem .8rem; }
  .tile strong { font-size: 1.4rem; } .card { padding: .9rem; } .tile.card { padding: .75rem .8rem; }
  .plot { grid-template-columns: 2.9rem minmax(0, 1fr); } .legend { padding-left: 0; }
  .times span:last-child { display: none; }
}
@media (forced-colors: active) { .pill, .issuer, .notice { border: 1px solid; } }
"""
