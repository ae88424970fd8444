"""Whole pages: web sites, programs that fill the screen, windows on a desktop, and what opens over them."""

from guiground.nano.scenes import words
from guiground.nano.scenes.themes import hue
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import bars, lists, overlays, panes, parts, tools
from guiground.nano.toolkits.pages.parts import Page, esc
from guiground.nano.toolkits.pages.sheet import css, sheet

SITE = [panes.form, panes.cards, panes.cards, panes.article, panes.article, panes.table, lists.prices, lists.feed]
SITE += [lists.dashboard, lists.login, panes.settings, lists.calendar]
PROGRAM = [panes.form, panes.settings, panes.table, panes.table, lists.mail, lists.chat, lists.files, lists.calendar]
PROGRAM += [lists.dashboard, tools.board, tools.library, tools.editor, tools.sheet, panes.cards, panes.article]


def whole(page: Page) -> str:
    """The HTML document of one random page."""
    rng = page.rng
    body = rng.choice([site, site, program, program, program, desktop])(page)
    body += overlays.over(page)
    return f"<!doctype html><html><head><style>{sheet(rng, page.look)}</style></head><body>{body}</body></html>"


def site(page: Page) -> str:
    """A web site: a head, perhaps a column of links, the content, a foot."""
    rng = page.rng
    links = parts.unlike(rng, lambda: talk.either(rng, "nav", "sidebar"), rng.randint(2, 7))
    logo = (
        f'<span class="row">{parts.ornament(page, size=24) if page.chance(0.6) else ""}<span class="bold large '
        f'line">{esc(talk.say(rng, "company"))}</span></span>'
    )
    search = ""
    if page.chance(0.5):
        glass = parts.icon_button(page, "search") if page.chance(0.7) else ""
        search = (
            f'<span class="row" style="width:{rng.choice([180, 260, 400])}'
            f'px">{parts.control(page, hint=talk.say(rng, "hint"))}{glass}</span>'
        )
    icons = parts.icon_buttons(page, rng.randint(0, 5), HEAD)
    ends = "".join(
        parts.button(page, n, k)
        for n, k in rng.sample(
            [
                ("Sign in", ""),
                ("Sign up", "main"),
                ("Try for free", "main"),
                ("Donate", "ghost"),
                ("Log in", "ghost"),
                ("Subscribe", "main"),
            ],
            rng.randint(0, 2),
        )
    )
    nav = "".join(parts.link(page, name, "plain") for name in links)
    nav = f'<nav class="row" style="gap:{rng.choice([10, 16, 24])}px">{nav}</nav>'
    menu = parts.icon_button(page, "menu") if page.chance(0.3) else ""
    cells = [menu + logo, nav, search, f'<span class="row">{icons}{ends}</span>']
    if page.chance(0.3):
        rng.shuffle(cells)
    tall = rng.choice([0, 0, 6, 12])
    head = (
        f'<header class="top row spread pad under" data-p="page head" style="padding-block:{tall + 6}px;'
        f'gap:16px">{"".join(cells)}</header>'
    )
    if page.chance(0.15):
        note = f"{talk.say(rng, 'shout')} "
        head = (
            f'<div class="on row mid small"><span>{esc(note)}</span>{parts.link(page, "Shop now", "plain")}'
            f"{parts.icon_button(page, 'close', 14)}</div>"
        ) + head
    if page.chance(0.3):
        crumbs = ' <span class="dim">&rsaquo;</span> '.join(
            parts.link(page, talk.either(rng, "nav", "sidebar")) for _ in range(rng.randint(2, 4))
        )
        head += f'<div class="row pad small">{crumbs}</div>'
    if page.chance(0.3):
        head += parts.tabs(page, parts.unlike(rng, lambda: talk.either(rng, "section", "tab"), rng.randint(3, 7)))
    main = rng.choice(SITE)(page)
    for _ in range(rng.choice([0, 1, 1, 2])):
        main += rng.choice(SITE)(page)
    if page.chance(0.45):
        main = f'<div class="row" style="align-items:start">{bars.column(page)}<div class="grow">{main}</div></div>'
    foot = ""
    if page.chance(0.7):
        foot = "".join(parts.link(page, talk.say(rng, "footer"), "small") for _ in range(rng.randint(2, 8)))
        foot = (
            f'<footer class="row wrap pad over" style="gap:16px">{foot}<span class="dim small">&copy; '
            f"{rng.randint(1999, 2026)} {esc(talk.say(rng, 'company'))}"
            f"</span>{parts.icon_buttons(page, rng.randint(0, 3), ['globe', 'rss', 'mail', 'at'])}</footer>"
        )
    return head + f"<main>{main}</main>" + foot


HEAD = [
    "search",
    "cart",
    "user",
    "bell",
    "globe",
    "dark-mode",
    "settings",
    "help",
    "heart",
    "mail",
    "bag",
    "menu",
    "grid",
]


def program(page: Page) -> str:
    """A program that fills the screen."""
    return f'<div class="full col" style="gap:0">{inside(page)}</div>'


def inside(page: Page, small: bool = False) -> str:
    """Menu bar, tool bar, columns, content, status bar of a program."""
    rng = page.rng
    top = bars.menu_bar(page) if page.chance(0.45) else ""
    top += bars.tool_bar(page) if page.chance(0.6) else ""
    if not top:
        icons = parts.icon_buttons(page, rng.randint(1, 6))
        top = (
            '<div class="row spread pad under top" data-p="header bar" style="flex:none"><span class="bold '
            f'line">{esc(words.title(rng, 2))}</span><span class="row">{icons}</span></div>'
        )
    if page.chance(0.25):
        top += parts.tabs(
            page, parts.unlike(rng, lambda: talk.either(rng, "section", "tab"), rng.randint(2, 6)), icon=0.5
        )
    main = f'<div class="fill">{rng.choice(PROGRAM)(page)}</div>'
    left = bars.rail(page) if page.chance(0.3) else ""
    left += bars.column(page) if page.chance(0.4 if small else 0.6) else ""
    right = (
        (
            f'<div class="over bar" style="width:{rng.choice([200, 240, 280])}px;flex:none;'
            f'overflow:hidden">{bars.properties(page)}</div>'
        )
        if page.chance(0.2) and not small
        else ""
    )
    body = f'<div class="row fill" style="align-items:stretch;gap:0">{left}{main}{right}</div>'
    foot = ""
    if page.chance(0.45):
        notes = "".join(
            f'<span data-e="label" class="line">{esc(rng.choice([words.number, words.title, talk.clock])(rng))}</span>'
            for _ in range(rng.randint(1, 5))
        )
        foot = (
            '<div class="row over bar small spread" data-p="status bar" style="flex:none;padding:2px '
            f'8px">{notes}{parts.icon_buttons(page, rng.randint(0, 3), size=14)}</div>'
        )
    elif page.chance(0.2):
        foot = tools.player(page)
    return top + body + foot


def desktop(page: Page) -> str:
    """Windows on a wallpaper, a panel at an edge."""
    rng = page.rng
    a, b = (css(hue(rng, rng.uniform(0.15, 0.7))) for _ in range(2))
    out = []
    for index in range(rng.randint(1, 3)):
        x, y, wide, tall = rng.uniform(0, 40), rng.uniform(0, 30), rng.uniform(40, 60), rng.uniform(50, 68)
        lead = parts.ornament(page, size=16) if page.chance(0.4) else ""
        ends = "".join(
            parts.icon_button(page, c, rng.choice([12, 14, 16]), "title bar")
            for c in ("minimize", "maximize", "window-close")
        )
        title = parts.named(
            "title",
            f"{talk.file_name(rng)} - {words.title(rng, 2)}" if page.chance(0.5) else words.title(rng, 3),
            "cut grow",
        )
        bar = (
            f'<div class="row {rng.choice(["top", "bar"])}" style="padding:3px 8px;flex:none" data-p="title '
            f'bar">{lead}{title}{ends}</div>'
        )
        out.append(
            f'<div class="win" style="left:{x:.0f}%;top:{y:.0f}%;width:{wide:.0f}%;height:{tall:.0f}%;'
            f'z-index:{index + 1}">{bar}{inside(page, True)}</div>'
        )
    names = parts.unlike(rng, lambda: talk.either(rng, "folder", "sidebar"), rng.randint(0, 6))
    labels = "".join(
        (
            f'<div class="col" style="align-items:center;width:90px;color:#fff">{parts.ornament(page, size=40)}'
            f"{parts.named('icon label', n, 'cut', tag='div', more=STYLE)}</div>"
        )
        for n in names
    )
    panel = "".join(parts.item(page, talk.file_name(rng), "button", 0.7) for _ in range(rng.randint(1, 4)))
    tray = parts.icon_buttons(
        page, rng.randint(1, 5), ["wifi", "volume", "battery", "bell", "bluetooth", "user", "search"], 16
    )
    edge = rng.choice(["top", "bottom"])
    panel = (
        f'<div class="top row spread" style="position:absolute;{edge}:0;left:0;right:0;z-index:9;padding:0 8px">'
        f'<span class="row">{panel}</span><span class="row">{tray}<span>{rng.randint(0, 23)}'
        f":{rng.randint(10, 59)}</span></span></div>"
    )
    return (
        f'<div class="full" style="position:relative;background:linear-gradient({rng.randint(0, 360)}deg,{a},{b}'
        f')"><div class="col" style="padding:40px 12px;gap:18px">{labels}</div>{"".join(out)}{panel}</div>'
    )


STYLE = 'style="max-width:100%;text-shadow:0 1px 2px #000"'
