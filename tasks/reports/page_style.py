"""How the report page looks: in light, in dark, on a phone and on paper."""

from __future__ import annotations

from freshet.tasks.render.palette import CHART_STYLE, FONT, colour_style

STYLE = (
    f"{colour_style(':root')}body{{font-family:{FONT}}}{CHART_STYLE}"
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);line-height:1.5;overflow-wrap:break-word}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 3rem}
header{margin-bottom:1.5rem}
h1{font-size:2rem;line-height:1.2;margin:.1rem 0 .6rem}
h2{font-size:1.15rem;margin:0 0 .35rem}
p{margin:0 0 .6rem}
.kind,.explained{color:var(--soft)}.kind{margin:0}.explained{max-width:44rem;margin-bottom:.9rem}
.lead{font-size:1.2rem;max-width:46rem;margin:0}
.badge{display:inline-block;vertical-align:.25em;margin-left:.3rem;padding:.1rem .6rem;border:1.5px solid;
border-radius:1rem;font-size:.85rem;font-weight:600;color:var(--soft)}
.badge.released,.fine{color:var(--good)}.badge.rejected,.badge.failed,.bad{color:var(--bad)}
section,.figures{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:1.1rem 1.25rem;margin:0 0 1rem}
.box{border-left:5px solid var(--warn)}.box.alarm{border-left-color:var(--bad)}
.box ul{margin:.2rem 0 0;padding-left:1.2rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem}
.figures div{display:flex;flex-direction:column}
.figures dd{margin:0;font-size:1.8rem;font-weight:650;line-height:1.2;font-variant-numeric:tabular-nums}
.figures dt{color:var(--soft);font-size:.9rem}
figure{margin:0}figcaption{font-weight:600;font-size:.95rem}
.chart{display:block;width:100%;height:auto;max-width:52rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}
.wide{overflow-x:auto}.wide table{min-width:34rem}.from{display:inline-block;min-width:9rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{text-align:left;font-weight:600}thead th{color:var(--soft);font-size:.85rem}
th,td{padding:.4rem .7rem .4rem 0;vertical-align:top;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.severity{white-space:nowrap;font-weight:600}.block{color:var(--bad)}.warn{color:var(--warn)}.note{color:var(--soft)}
code{font:.85em ui-monospace,"SF Mono",Menlo,"DejaVu Sans Mono",monospace;color:var(--soft);white-space:nowrap}
details{margin-top:.6rem}summary{cursor:pointer;color:var(--soft)}
footer{color:var(--soft);margin-top:2rem;font-size:.92rem}footer h2{font-size:1rem;color:var(--ink)}
footer code{white-space:normal}
a{color:var(--s0)}
.words{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.3rem 0 1.2rem}
.words dt{font-weight:600;color:var(--ink)}.words dd{margin:0}
@media(max-width:34rem){.words{display:block}main{padding:1.2rem .8rem}}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444}body{font-size:11pt}main{max-width:none;padding:0}
section,.figures{break-inside:avoid;border-color:#bbb}rect,path,circle{print-color-adjust:exact;
-webkit-print-color-adjust:exact}details{display:none}}
"""
)
