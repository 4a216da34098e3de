"""How the page looks: in light and dark, narrow and wide, without a script and without anything from outside.

The colours of lines are Okabe and Ito's and Tol's, which those who see red and green alike can tell apart,
made darker on white and lighter on black.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b2430; --soft: #5b6675; --edge: #dfe3e8; --grid: #e8ebef;
  --good: #0a7a4f; --bad: #b3261e; --other: #8a5a00; --limit: #b3261e; --mark: #e69f00;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #aa4499; --c4: #a67c00; --c5: #3a9bd0;
  --c6: #882255; --c7: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1b212a; --text: #e6eaf0; --soft: #9aa7b6; --edge: #313a47; --grid: #2a323e;
    --good: #4cc38a; --bad: #ff8a80; --other: #f0b849; --limit: #ff8a80; --mark: #ffc04d;
    --c0: #56b4e9; --c1: #ff9e4a; --c2: #2cc29a; --c3: #e08fd0; --c4: #f0e442; --c5: #a6d8f5;
    --c6: #f28ba8; --c7: #b4bcc8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { margin: 0; font-size: 1.6rem; display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; }
h2 { margin: 2rem 0 .75rem; font-size: 1.1rem; }
p { margin: .4rem 0; }
.reason { overflow-wrap: anywhere; }
.badge {
  padding: .1rem .65rem; border-radius: 1rem; border: 1px solid; font-size: .9rem; font-weight: 600;
  color: var(--other);
}
.badge.succeeded { color: var(--good); }
.badge.failed { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .9rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
dd code { display: block; max-height: 9rem; overflow: auto; white-space: pre-wrap; }
.card, figure { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; }
.card { padding: .9rem 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles span, .remark, .note, li small { color: var(--soft); }
.tiles span { display: block; font-size: .85rem; }
.bar { display: flex; height: 1.6rem; border-radius: .35rem; overflow: hidden; background: var(--grid); }
.bar i { min-width: 2px; }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .5rem 0 0; padding: 0; list-style: none;
  font-size: .85rem;
}
.card ul.legend { margin-top: .7rem; padding: 0; }
.legend + .many, .note + .many { margin-top: .75rem; }
.scroll + .note { margin: 1rem 0 0; }
.legend li { overflow-wrap: anywhere; min-width: 0; }
.swatch {
  display: inline-block; width: 1.1rem; height: 0; margin-right: .4rem; vertical-align: middle;
  border-top: 3px solid var(--c);
}
.swatch.secondary { border-top-style: dotted; }
.swatch.box { height: .75rem; width: .75rem; border: 0; border-radius: 2px; background: var(--c); }
.swatch.mark { border-top: 6px solid var(--mark); }
.scroll { overflow-x: auto; padding: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .9rem; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; white-space: nowrap; }
td { border-top: 1px solid var(--edge); }
td:first-child { overflow-wrap: anywhere; min-width: 8rem; }
.buffers td:nth-child(4) { min-width: 12rem; }
td:nth-child(2), td:nth-child(3) { white-space: nowrap; }
figure { margin: 0 0 .75rem; padding: .8rem 1rem 1.9rem; min-width: 0; }
figcaption { overflow-wrap: anywhere; }
.remark { font-size: .85rem; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: .75rem; }
.many figure { margin: 0; display: flex; flex-direction: column; justify-content: space-between; }
.frame { position: relative; height: 15rem; margin: 1rem .4rem 0 4.6rem; }
.small .frame { height: 6.5rem; margin-top: .7rem; }
.area, .area svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.area svg { overflow: visible; }
.heights span, .times span {
  position: absolute; color: var(--soft); font-size: .75rem; line-height: 1; white-space: nowrap;
}
.heights span { right: calc(100% + .5rem); transform: translateY(50%); }
.times span { top: calc(100% + .45rem); transform: translateX(-50%); }
.tag {
  position: absolute; right: 0; transform: translateY(-.15rem); color: var(--limit); font-size: .75rem;
  background: var(--card); padding: 0 .25rem; line-height: 1.2;
}
svg * { vector-effect: non-scaling-stroke; fill: none; }
.grid { stroke: var(--grid); stroke-width: 1; }
.base { stroke: var(--soft); }
.limit { stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 7 5; }
.line { stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.line.secondary { stroke-width: 2; stroke-dasharray: 2 4; }
.dot { stroke: var(--c); stroke-width: 8; stroke-linecap: round; }
.dot.secondary { stroke-width: 5; }
.mark { stroke: var(--mark); stroke-width: 7; opacity: .75; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.bar i { background: var(--c); }
pre { margin: 0 0 .75rem; overflow-x: auto; user-select: all; }
.card ul { margin: 0; padding-left: 1.2rem; }
@media (max-width: 36rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
  figure { padding-left: .7rem; padding-right: .7rem; }
}
@media print { body { max-width: none; } figure, .card { break-inside: avoid; } }
"""
