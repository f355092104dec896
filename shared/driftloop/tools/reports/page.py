"""One HTML file that opens without a network: figures, pictures, tables, in this order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

STYLE = """
:root{--ink:#1d2733;--dim:#66717f;--paper:#fff;--card:#f4f6f8;--rule:#dfe4ea;
--live:#0b6bcb;--frozen:#9aa5b1;--signal:#d97706;--retrain:#7c5cbf;--promotion:#16803c;--rollback:#c02626;
--change:#e3b778;--constant:#b06a9c}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#9aa5b1;--paper:#12171d;--card:#1c232b;
--rule:#303a45;--live:#5aa9f5;--frozen:#66717f;--signal:#f2a53c;--retrain:#a78be8;--promotion:#4fbf74;--rollback:#f06a6a;
--change:#8a6a3f;--constant:#d391bf}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1020px;padding:32px 24px 64px;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
h1{font-size:26px;line-height:1.25;margin:0 0 12px}h2{font-size:18px;margin:40px 0 8px}
p{margin:0 0 12px;max-width:72ch}.dim{color:var(--dim);font-size:14px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}
.card{background:var(--card);border-radius:8px;padding:14px 16px}
.card b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.card span{color:var(--dim);font-size:13px}
svg{width:100%;height:auto;display:block;margin:8px 0}
.grid{stroke:var(--rule)}.tick{fill:var(--dim);font-size:12px;text-anchor:middle}
.tick.end{text-anchor:end}.tick.start{text-anchor:start}.axis{fill:var(--dim);font-size:13px;text-anchor:middle}
.span{fill:var(--signal);opacity:.08}.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
.live{stroke:var(--live)}.frozen{stroke:var(--frozen)}
.constant{stroke:var(--constant);stroke-dasharray:2 3}
.mark line{stroke-width:1.2;stroke-dasharray:4 3}.mark.promotion line,.mark.rollback line{stroke-dasharray:none}
.signal line{stroke:var(--signal)}.signal circle{fill:var(--signal)}
.change line{stroke:var(--change);opacity:.5}.change circle{fill:var(--change)}
.retrain line{stroke:var(--retrain)}.retrain circle{fill:var(--retrain)}
.promotion line{stroke:var(--promotion)}.promotion circle{fill:var(--promotion)}
.rollback line{stroke:var(--rollback)}.rollback circle{fill:var(--rollback)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:13px;color:var(--dim)}
.legend i{display:inline-block;width:18px;height:3px;margin-right:6px;vertical-align:middle;background:var(--c)}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--dim);font-weight:500}th,td{padding:6px 12px 6px 0;border-bottom:1px solid var(--rule);
vertical-align:top}.wide{overflow-x:auto;margin-bottom:24px}
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with a heading; `legend` pairs a colour variable with its meaning."""

    title: str
    svg: str
    caption: str
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A table with a heading; said to be empty where it has no rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """What a report says: sentences, headline figures, pictures, tables."""

    title: str
    sentences: Sequence[str]
    cards: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Picture] = ()
    listings: Sequence[Listing] = field(default_factory=tuple)
    foot: str = ""


def page_html(page: Page) -> str:
    """The whole page as text; everything that came from data is escaped."""
    cards = "".join(f'<div class="card"><b>{escape(f)}</b><span>{escape(what)}</span></div>' for f, what in page.cards)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(page.title)}</h1>",
        *(f"<p>{escape(sentence)}</p>" for sentence in page.sentences),
        f'<div class="cards">{cards}</div>' if cards else "",
        *(_picture(picture) for picture in page.pictures),
        *(_listing(listing) for listing in page.listings),
        f'<p class="dim">{escape(page.foot)}</p></body></html>',
    ]
    return "\n".join(part for part in parts if part)


def write_page(page: Page, path: Path) -> None:
    """Write the page; makes the folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_html(page), encoding="utf-8", errors="backslashreplace")  # a file's name may be no UTF-8


def _picture(picture: Picture) -> str:
    legend = "".join(
        f'<span><i style="--c:var(--{colour})"></i>{escape(text)}</span>' for colour, text in picture.legend
    )
    caption = f'<p class="dim">{escape(picture.caption)}</p>'
    return f'<h2>{escape(picture.title)}</h2>{caption}{picture.svg}<div class="legend">{legend}</div>'


def _listing(listing: Listing) -> str:
    heading = f"<h2>{escape(listing.title)}</h2>"
    if not listing.rows:
        return f'{heading}<p class="dim">None.</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in listing.header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in listing.rows)
    return f'{heading}<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
