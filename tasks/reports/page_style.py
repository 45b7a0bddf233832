"""How the report page looks: in light, in dark, on a phone and on paper."""

STYLE = """
:root{--page:#fbfbfa;--card:#fff;--ink:#1d2228;--soft:#5a6470;--line:#dfe3e7;--good:#1a7f4b;--bad:#b3261e;
--warn:#8a5a00;--c0:#1f6feb;--c1:#b4560d;--c2:#12805c;--c3:#8b3fc7;--s0:#3f7fd0;--s1:#2a9d77;--s2:#d98a29;--s3:#8e6bbf;
--s4:#5aa9b8;--s5:#c4453b;--s6:#b58f2c;--s7:#7b8794}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--card:#1b1f24;--ink:#e8ebee;--soft:#a0abb6;--line:#333a42;
--good:#5cc98f;--bad:#ff8a80;--warn:#f2b84b;--c0:#6ca8ff;--c1:#f0a05a;--c2:#55c9a0;--c3:#c795f5;--s0:#5b95dd;--s1:#45b48e;
--s2:#e0a04c;--s3:#a98bd6;--s4:#74bfcc;--s5:#e06b61;--s6:#cfad4f;--s7:#8d98a4}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","DejaVu Sans",Arial,sans-serif;overflow-wrap:break-word}
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
.share{display:block;border-radius:.3rem}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;margin:.7rem 0 0;padding:0;font-size:.95rem}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:.2em;margin-right:.45em}
rect.s0{fill:var(--s0)}rect.s1{fill:var(--s1)}rect.s2{fill:var(--s2)}rect.s3{fill:var(--s3)}rect.s4{fill:var(--s4)}
rect.s5{fill:var(--s5)}rect.s6{fill:var(--s6)}rect.s7{fill:var(--s7)}
i.s0{background:var(--s0)}i.s1{background:var(--s1)}i.s2{background:var(--s2)}i.s3{background:var(--s3)}
i.s4{background:var(--s4)}i.s5{background:var(--s5)}i.s6{background:var(--s6)}i.s7{background:var(--s7)}
figure{margin:0}figcaption{font-weight:600;font-size:.95rem}
.chart{display:block;width:100%;height:auto;max-width:52rem}
.chart .grid{stroke:var(--line)}.chart .tick{fill:var(--soft);font-size:12px}
.chart .name{font-size:13px;font-weight:600}
.chart .floor{stroke:var(--bad);stroke-dasharray:4 4}.chart .floor-name{fill:var(--bad);font-weight:400}
.chart path{fill:none;stroke-width:2.2}
.l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}
.t0{fill:var(--c0)}.t1{fill:var(--c1)}.t2{fill:var(--c2)}.t3{fill:var(--c3)}
circle{stroke-width:1.8}
.c0{fill:var(--c0);stroke:var(--c0)}.c1{fill:var(--c1);stroke:var(--c1)}.c2{fill:var(--c2);stroke:var(--c2)}
.c3{fill:var(--c3);stroke:var(--c3)}.hollow{fill:var(--card)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}
.wide{overflow-x:auto}.from{display:inline-block;min-width:9rem;
overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{text-align:left;font-weight:600}thead th{color:var(--soft);font-size:.85rem}
th,td{padding:.4rem .7rem .4rem 0;vertical-align:top;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars th{font-weight:400;width:11rem;white-space:nowrap}.bars th,.bars td{border:0;padding:.15rem .7rem .15rem 0}
.bars td.n{width:6rem}.bars svg{display:block;margin-top:.3rem}
.severity{white-space:nowrap;font-weight:600}.block{color:var(--bad)}.warn{color:var(--warn)}.note{color:var(--soft)}
code{font:.85em ui-monospace,"SF Mono",Menlo,"DejaVu Sans Mono",monospace;color:var(--soft);white-space:nowrap}
details{margin-top:.6rem}summary{cursor:pointer;color:var(--soft)}
footer{color:var(--soft);margin-top:2rem;font-size:.92rem}footer h2{font-size:1rem;color:var(--ink)}
footer code{white-space:normal}
a{color:var(--c0)}
.words{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.3rem 0 1.2rem}
.words dt{font-weight:600;color:var(--ink)}.words dd{margin:0}
@media(max-width:34rem){.words{display:block}.bars th{width:auto}main{padding:1.2rem .8rem}}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444}body{font-size:11pt}main{max-width:none;padding:0}
section,.figures{break-inside:avoid;border-color:#bbb}rect,i,path,circle{print-color-adjust:exact;
-webkit-print-color-adjust:exact}details{display:none}}
"""
