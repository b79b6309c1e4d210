"""The page's style sheet: light and dark, a phone and a desktop."""

CSS = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#5c6370;--line:#e3e4e8;
--pass:#17713d;--pass-bg:#e4f4ea;--fail:#b3261e;--fail-bg:#fdeae8;--warn:#8a5300;--warn-bg:#fdf1dc;
--none:#5c6370;--none-bg:#eeeff2;--accent:#2b5fb8;--wrong:#c4452f}
@media(prefers-color-scheme:dark){:root{--bg:#131416;--card:#1b1d20;--ink:#e8e9eb;--soft:#a2a8b3;
--line:#31343a;--pass:#7fd6a0;--pass-bg:#15311f;--fail:#ffa69e;--fail-bg:#431b18;--warn:#f3c677;
--warn-bg:#3b2a0d;--none:#a2a8b3;--none-bg:#2a2d32;--accent:#7fadf5;--wrong:#ef8a75}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
main{max-width:1080px;margin:0 auto;padding:40px 24px 80px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:20px;margin:48px 0 12px}
h3{font-size:16px;margin:32px 0 8px}
p{margin:0 0 12px;max-width:72ch}
a{color:var(--accent)}
.soft{color:var(--soft);font-size:14px}
code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.badge{display:inline-block;padding:1px 10px;border-radius:99px;font-size:13px;font-weight:600;
  white-space:nowrap;overflow-wrap:normal}
.passed,.pass{color:var(--pass);background:var(--pass-bg)}
.refused,.fail,.unreadable{color:var(--fail);background:var(--fail-bg)}
.forced,.synthetic,.incomplete{color:var(--warn);background:var(--warn-bg)}
.champion{color:var(--bg);background:var(--accent)}.rolled-back,.failed{color:var(--fail);
  background:var(--bg);box-shadow:inset 0 0 0 1px}
.replaced{color:var(--accent);background:var(--bg);box-shadow:inset 0 0 0 1px}
.not-tested,.not-applicable{color:var(--none);background:var(--none-bg)}
.verdict{border-left:5px solid;border-radius:8px;padding:16px 20px;margin:16px 0}
.verdict>*{color:var(--ink)}
.verdict strong:first-child{font-size:20px;color:inherit}
.verdict ul{margin:8px 0 0;padding-left:20px}
.verdict p{margin:4px 0 0}
details.version{background:var(--card);border:1px solid var(--line);border-radius:12px;
  margin:0 0 16px}
details.version>summary{padding:14px 20px;cursor:pointer;font-weight:600;display:flex;
  flex-wrap:wrap;gap:4px 12px;align-items:center;list-style:none}
details.version>summary::-webkit-details-marker{display:none}
details.version>summary::before{content:"";width:7px;height:7px;border:solid var(--soft);
  border-width:0 2px 2px 0;transform:rotate(-45deg);margin-right:2px}
details.version[open]>summary::before{transform:rotate(45deg)}
details.version>summary .soft{font-weight:400;margin-left:auto}
.inside{padding:0 20px 24px;scroll-margin-top:72px}
td.last{color:var(--soft);min-width:240px}
details.more>summary{cursor:pointer;color:var(--accent);font-size:14px;margin:12px 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;width:100%}
th,td{padding:7px 16px 7px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);
  overflow-wrap:normal}
td:last-child,th:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;font-size:13px;white-space:nowrap}
tbody th{font-weight:500}
tr:last-child>*{border-bottom:0}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
tr.broken>*{background:var(--fail-bg)}
td.why{color:var(--soft);min-width:220px}
table.rules tbody th{min-width:150px}
.meter{display:inline-block;width:72px;height:6px;border-radius:3px;background:var(--none-bg);
  margin-left:10px;vertical-align:middle;overflow:hidden}
.meter i{display:block;height:100%;background:var(--accent)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0;font-size:14px}
dt{color:var(--soft)}dd{margin:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:8px 40px}
svg{max-width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--soft)}
svg text.on{fill:var(--card)}svg text.off{fill:var(--ink)}
svg .right,svg .bar{fill:var(--accent)}svg .wrong{fill:var(--wrong)}
svg .bar{opacity:.45}svg .dot{fill:var(--accent)}
svg .grid{stroke:var(--line)}svg .ideal{stroke:var(--soft);stroke-dasharray:4 4}
.errors{display:grid;grid-template-columns:repeat(auto-fill,minmax(124px,1fr));gap:16px;margin:0;
  padding:0;list-style:none;font-size:13px;line-height:1.35}
.errors img,.errors .unseen{width:112px;height:112px;border-radius:6px;border:1px solid var(--line);
  display:block;margin-bottom:6px;image-rendering:pixelated;background:#000}
.errors .unseen{background:var(--none-bg);color:var(--soft);display:grid;place-items:center}
.errors b{display:block}
footer{margin-top:48px;border-top:1px solid var(--line);padding-top:16px}
@media(max-width:640px){main{padding:24px 14px 60px}.inside{padding:0 14px 20px}
  details.version>summary{padding:12px 14px}
details.version>summary .soft{margin-left:0;flex-basis:100%}
dl{grid-template-columns:1fr}dd{margin-bottom:6px}.errors{
  grid-template-columns:repeat(auto-fill,minmax(112px,1fr))}
th,td{padding-right:10px}td.n{font-size:13px}
table:is(.rules,.versions) thead{display:none}
table:is(.rules,.versions),table:is(.rules,.versions) tbody{display:block}
table:is(.rules,.versions) tr{display:flex;flex-wrap:wrap;gap:0 10px;padding:10px 0;
  border-bottom:1px solid var(--line)}
table:is(.rules,.versions) tr.broken{padding:10px;border-radius:6px;background:var(--fail-bg)}
table:is(.rules,.versions) tr>*{display:block;border:0;padding:0}
table:is(.rules,.versions) td:empty{display:none}
table.versions th{font-size:16px}table.versions th::before{content:"version "}
table.versions td:nth-child(3)::before{content:"accuracy "}
table.versions td.last{flex-basis:100%}
table.rules th{flex:1 1 calc(100% - 140px)}table.rules td:nth-child(2){flex:0 0 120px;text-align:right}
td.why,table.versions td.last{flex-basis:100%;font-size:13px}
table.rules td.n{font-size:13px}}
@media print{details.version{break-inside:avoid-page;border:0}body{background:#fff}}
"""
