"""Panes of lists: mail, chat, files, a calendar, a dashboard, prices, a feed, a small form to log in."""

import math

from guiground.nano.scenes import words
from guiground.nano.scenes.themes import hue
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import panes, parts
from guiground.nano.toolkits.pages.parts import Page, esc
from guiground.nano.toolkits.pages.sheet import css


def mail(page: Page) -> str:
    """Messages as rows, with a tool bar, and one of them open beside them now and then."""
    rng = page.rng
    tools = parts.icon_buttons(page, rng.randint(2, 7), MAIL, place="tool bar")
    rows = []
    two_lines, star, ticks = page.chance(0.5), page.chance(0.4), page.chance(0.4)
    for _ in range(rng.randint(5, 30)):
        name, subject, bold = talk.person(rng), talk.say(rng, "subject"), " bold" if page.chance(0.3) else ""
        before = "<input type=checkbox>" if ticks else ""
        before += parts.ornament(page, "star", 14) if star else ""
        before += parts.face(page, name, 28) if two_lines else ""
        when = f'<span class="dim small line">{esc(talk.clock(rng))}</span>'
        sender, topic = (parts.named("list item", text, f"cut{bold}", tag="div") for text in (name, subject))
        if two_lines:
            text = f'<div class="grow"><div class="row spread">{sender}{when}</div>{topic}</div>'
        else:
            rest = f'<span class="dim grow cut">{esc(words.sentence(rng, 8))}</span>' if page.chance(0.7) else ""
            text = f'<div style="width:170px;flex:none">{sender}</div><div class="row grow">{topic}{rest}</div>{when}'
        on = " on" if page.chance(0.05) else ""
        rows.append(f'<div class="item under{on}" style="border-radius:0">{before}{text}</div>')
    left = f'<div class="fill">{"".join(rows)}</div>'
    if two_lines:
        body = "".join(f"<p>{esc(talk.paragraph(rng, 3))}</p>" for _ in range(rng.randint(1, 3)))
        reader = f"""<div class="fill pad col" style="gap:10px"><h2>{esc(talk.say(rng, "subject"))}</h2>
        <div class="row spread"><span>{esc(talk.mail(rng))}</span><span class="row">{parts.icon_buttons(page, 3, MAIL)}
        </span></div>{body}
        <div class="row">{parts.button(page, "Reply", icon=0.5)}{parts.button(page, "Forward")}</div></div>"""
        wide = rng.choice([280, 340, 420])
        left = (
            f'<div class="row fill" style="align-items:stretch"><div style="width:{wide}px" class="side">{left}'
            f"</div>{reader}</div>"
        )
    return f'<div class="col full" style="height:100%;gap:0"><div class="row pad under">{tools}</div>{left}</div>'


MAIL = ["archive", "delete", "spam", "mail-open", "clock", "tag", "folder", "more-vertical", "refresh", "reply"]
MAIL += ["reply-all", "forward-mail", "flag", "print", "star", "mail-new", "filter", "search"]


def chat(page: Page) -> str:
    """A conversation with a field to write in."""
    rng = page.rng
    rows = []
    bubbles = page.chance(0.5)
    for _ in range(rng.randint(4, 14)):
        name, text = talk.person(rng), talk.say(rng, "message")
        if bubbles:
            mine = page.chance(0.4)
            inner = f'<div class="bubble {"on" if mine else "soft"}">{esc(text)}</div>'
            rows.append(f'<div class="row" style="justify-content:{"end" if mine else "start"}">{inner}</div>')
        else:
            head = (
                f'<div class="row"><span class="bold">{esc(name)}</span><span class="dim '
                f'small">{esc(talk.clock(rng))}</span></div>'
            )
            rows.append(
                f'<div class="row" style="align-items:start">{parts.face(page, name, 32)}<div>{head}'
                f"<div>{esc(text)}</div></div></div>"
            )
    head = (
        f'<div class="row spread pad under"><h3># {esc(talk.say(rng, "channel"))}</h3>'
        f"<span>{parts.icon_buttons(page, 4, CHAT)}</span></div>"
    )
    foot = (
        f'<div class="row pad over">{parts.icon_buttons(page, 2, WRITE)}'
        f"{parts.control(page, hint=talk.say(rng, 'hint'))}{parts.icon_buttons(page, 2, WRITE[3:])}</div>"
    )
    return (
        f'<div class="col full" style="height:100%">{head}<div class="fill col pad" '
        f'style="gap:10px">{"".join(rows)}</div>{foot}</div>'
    )


CHAT = ["phone", "video", "search", "pin", "users", "bell", "info", "more-horizontal", "settings"]
WRITE = ["attach", "add", "image", "smile", "send", "microphone", "at"]


def files(page: Page) -> str:
    """Files as a grid of large icons or as a list."""
    rng = page.rng
    kinds = ["folder", "file", "image", "music", "film", "archive", "code"]
    size = rng.choice([32, 40, 48, 64])
    cells = []
    for _ in range(rng.randint(5, 40)):
        name = talk.say(rng, "folder") if page.chance(0.4) else talk.file_name(rng)
        icon = parts.ornament(page, rng.choice(kinds), size) or parts.photo(page, f"{size}px", size)
        label = parts.named("icon label", name, "cut", tag="div", more='style="max-width:100%"')
        cells.append(f'<div class="col" style="align-items:center;width:{size + 60}px;padding:6px">{icon}{label}</div>')
    trail = "".join(
        f'{parts.link(page, talk.say(rng, "folder"))}<span class="dim">/</span>' for _ in range(rng.randint(1, 4))
    )
    tools = parts.icon_buttons(page, rng.randint(2, 6), FILES, place="tool bar")
    return (
        f'<div><div class="row pad under">{tools}{trail}</div><div class="row wrap pad" '
        f'style="align-items:start">{"".join(cells)}</div></div>'
    )


FILES = ["back", "forward", "up", "home", "search", "grid", "list", "new-folder", "upload", "sort", "filter", "refresh"]


def calendar(page: Page) -> str:
    """A month of days with entries."""
    rng = page.rng
    month = f"{rng.choice(words.MONTHS)} {rng.randint(2019, 2027)}"
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    heads = "".join(f'<div class="dim small pad">{day}</div>' for day in days)
    cells = []
    light = 0.35 if page.look.theme.dark else 0.85
    for day in range(1, rng.choice([29, 31, 32])):
        entries = "".join(
            f'<div data-e="text" class="small cut" style="background:{css(hue(rng, light))};'
            f'border-radius:3px;padding:0 4px">{esc(talk.say(rng, "task"))}</div>'
            for _ in range(rng.choice([0, 0, 0, 1, 2]))
        )
        cells.append(
            f'<div class="under side" style="height:{rng.choice([70, 90, 100])}px;padding:3px;'
            f'overflow:hidden"><div data-e="day">{day}</div>{entries}</div>'
        )
    views = parts.tabs(page, rng.sample(["Day", "Week", "Month", "Year", "Agenda", "Schedule"], rng.randint(2, 4)))
    steps = parts.icon_button(page, "chevron-left") + parts.icon_button(page, "chevron-right")
    head = (
        f'<div class="row pad">{parts.button(page, "Today")}{steps}<h2>{month}</h2><span class="grow">'
        f"</span>{views}</div>"
    )
    grid = f'<div style="display:grid;grid-template-columns:repeat(7,1fr)">{heads}{"".join(cells)}</div>'
    return f"<div>{head}{grid}</div>"


def dashboard(page: Page) -> str:
    """Numbers and charts on cards."""
    rng = page.rng
    tiles = []
    for name in parts.unlike(rng, lambda: talk.say(rng, "metric"), rng.randint(2, 6)):
        icon = parts.ornament(page, size=24) if page.chance(0.5) else ""
        note = (
            f'<div class="small" style="color:{"#2a9d5c" if page.chance(0.6) else "#d04545"}">{rng.choice("+-")}'
            f"{rng.randint(1, 90)}%</div>"
        )
        tiles.append(
            f'<div class="card grow"><div class="row spread"><span class="dim">{esc(name)}</span>{icon}'
            f'</div><div class="large bold">{esc(words.number(rng))}</div>{note}</div>'
        )
    charts = []
    for _ in range(rng.randint(1, 4)):
        head = (
            f'<div class="row spread"><h3>{esc(talk.say(rng, "metric"))}'
            f"</h3>{parts.icon_buttons(page, 1, ['more-vertical', 'more-horizontal', 'download', 'expand', 'refresh'])}"
            "</div>"
        )
        charts.append(f'<div class="card grow">{head}{chart(page)}</div>')
    rest = panes.table(page) if page.chance(0.4) else ""
    return (
        f'<div class="pad col" style="gap:12px"><div class="row" style="align-items:stretch">{"".join(tiles)}'
        f'</div><div class="row" style="align-items:stretch">{"".join(charts)}</div>{rest}</div>'
    )


def chart(page: Page) -> str:
    """Bars, a line or a ring."""
    rng = page.rng
    colour, kind = css(page.look.theme.accent), rng.choice(["bars", "line", "ring"])
    if kind == "bars":
        bars = "".join(
            f'<div style="flex:1;background:{colour};height:{rng.randint(10, 140)}px"></div>'
            for _ in range(rng.randint(5, 20))
        )
        return f'<div class="row" style="align-items:end;height:150px">{bars}</div>'
    if kind == "line":
        points = " ".join(
            f"{x},{75 + 60 * math.sin(x / 30 + rng.random()) * rng.random():.0f}" for x in range(0, 310, 15)
        )
        return (
            f'<svg viewBox="0 0 300 150" style="width:100%;height:150px"><polyline points="{points}" '
            f'fill="none" stroke="{colour}" stroke-width="2"/></svg>'
        )
    share = rng.randint(10, 340)
    return (
        '<div style="width:120px;height:120px;border-radius:50%;margin:10px auto;'
        f'background:conic-gradient({colour} {share}deg,#8884 0)"></div>'
    )


def prices(page: Page) -> str:
    """Plans beside each other, or questions under each other."""
    rng = page.rng
    if page.chance(0.5):
        rows = "".join(
            (
                f'<div class="card row spread">{parts.named("button", talk.say(rng, "question"), "grow line")}'
                f"{parts.ornament(page, rng.choice(['chevron-down', 'add']))}</div>"
            )
            for _ in range(rng.randint(3, 8))
        )
        return f'<div class="pad col" style="gap:8px"><h1>{esc(talk.say(rng, "section"))}</h1>{rows}</div>'
    cells = []
    for name in rng.sample(talk.lists()["plan"], rng.randint(2, 4)):
        rows = "".join(
            f'<div class="row">{parts.ornament(page, "check", 14)}<span>{esc(talk.say(rng, "benefit"))}</span></div>'
            for _ in range(rng.randint(2, 6))
        )
        pick = parts.button(
            page, rng.choice([f"Choose {name}", "Get started", f"Try {name}", "Select"]), rng.choice(["", "main"])
        )
        cells.append(
            f'<div class="card col grow" style="gap:8px"><h2>{name}</h2><div class="large '
            f'bold">{talk.price(rng)}</div>{rows}{pick}</div>'
        )
    return f'<div class="pad row" style="align-items:stretch;gap:14px">{"".join(cells)}</div>'


def feed(page: Page) -> str:
    """Posts under each other with what one can do about them."""
    rng = page.rng
    posts = []
    acted = rng.sample(["heart", "chat", "share", "bookmark", "like", "repeat", "more-horizontal"], rng.randint(2, 4))
    for index in range(rng.randint(2, 6)):
        name = talk.person(rng)
        icons = parts.icon_buttons(page, len(acted), acted) if index == 0 or page.chance(0.3) else ""
        worded = "".join(
            parts.button(page, word, "ghost", 0.8)
            for word in rng.sample(["Like", "Comment", "Repost", "Save", "Send"], 3)
        )
        image = parts.photo(page, "100%", rng.randint(80, 200)) if page.chance(0.4) else ""
        head = (
            f'<div class="row">{parts.face(page, name)}<div>{parts.link(page, name, "bold")}<div class="dim '
            f'small">{esc(talk.clock(rng))}</div></div></div>'
        )
        posts.append(
            f'<div class="card col" style="gap:8px">{head}<p>{esc(talk.paragraph(rng, 2))}</p>{image}<div '
            f'class="row">{icons or worded}</div></div>'
        )
    return (
        f'<div class="pad col" style="gap:12px;max-width:{rng.choice([520, 640, 800])}px;margin:0 '
        f'auto">{"".join(posts)}</div>'
    )


def login(page: Page) -> str:
    """A small form in the middle."""
    rng = page.rng
    rows = "".join(
        parts.labelled(page, name) for name in rng.sample(["E-mail", "Password", "User name", "Company", "Code"], 2)
    )
    others = "".join(
        parts.button(page, f"Continue with {talk.say(rng, 'company')}", icon=0.9) for _ in range(rng.randint(0, 3))
    )
    greeting = rng.choice(["Sign in", "Welcome back", "Create account", "Log in to " + talk.say(rng, "company")])
    return f"""<div class="row mid" style="min-height:100%"><div class="card col"
    style="width:{rng.choice([300, 360, 420])}px;gap:12px"><h2>{greeting}</h2>{rows}
    {parts.tick(page, rng.choice(["Remember me", "Keep me signed in", "Trust this device"]))}
    {parts.button(page, rng.choice(["Sign in", "Continue", "Next", "Log in"]), "main")}{others}
    <div class="row spread small">{parts.link(page, "Forgot password?")}
    {parts.link(page, "Create an account")}</div></div></div>"""
