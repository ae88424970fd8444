"""What fills a page or a window: forms, lists, tables, cards, articles. Each takes the page and gives HTML."""

from guiground.nano.scenes import words
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import parts
from guiground.nano.toolkits.pages.parts import Page, esc


def form(page: Page) -> str:
    """Labels with fields, boxes to tick, buttons."""
    rng = page.rng
    wide = rng.choice([0, 0, 110, 150, 200])
    rows = [parts.labelled(page, wide=wide) for _ in range(rng.randint(3, 9))]
    for _ in range(rng.randint(0, 4)):
        rows.insert(rng.randint(0, len(rows)), rng.choice([parts.tick, parts.switch])(page))
    if page.chance(0.4):
        options = parts.unlike(rng, lambda: talk.either(rng, "option", "radio button"), rng.randint(2, 4))
        group = f"g{rng.randrange(10**6)}"
        line = "".join(parts.tick(page, option, group) for option in options)
        rows.append(f'<div class="{rng.choice(["row wrap", "col"])}">{line}</div>')
    if page.chance(0.3):
        rows.append(slider(page))
    if page.chance(0.5) and not wide:
        half = len(rows) // 2
        columns = (rows[:half], rows[half:])
        body = "".join(f'<div class="col grow">{"".join(column)}</div>' for column in columns)
        body = f'<div class="row" style="gap:24px;align-items:start">{body}</div>'
    else:
        body = f'<div class="col" style="max-width:{rng.choice([420, 560, 700])}px">{"".join(rows)}</div>'
    head = f"<h2>{esc(words.title(rng, 3))}</h2>" if page.chance(0.6) else ""
    note = f'<p class="dim small">{esc(talk.paragraph(rng, 1))}</p>' if page.chance(0.4) else ""
    return f'<div class="pad col" data-p="form">{head}{note}{body}{buttons(page)}</div>'


def buttons(page: Page) -> str:
    """The buttons at the end of a form or dialog."""
    rng = page.rng
    names = parts.unlike(rng, lambda: words.phrase(rng, "button"), rng.randint(1, 4))
    main = rng.choice([0, len(names) - 1])
    row = "".join(parts.button(page, name, "main" if i == main else "") for i, name in enumerate(names))
    return f'<div class="row" style="justify-content:{rng.choice(["start", "end", "end", "center"])}">{row}</div>'


def slider(page: Page) -> str:
    """A label and a slider, with its value."""
    value = page.rng.randint(0, 100)
    name = talk.say(page.rng, "property")
    bar = (
        f'<input type="range" value="{value}">'
        if page.chance(0.6)
        else f'<progress value="{value}" max="100"></progress>'
        if page.chance(0.5)
        else f'<span class="track"><i style="width:{value}%"></i></span>'
    )
    return f'<div class="row">{parts.named("label", name, "line")}{bar}<span class="dim">{value}</span></div>'


def settings(page: Page) -> str:
    """Groups of settings: words at the left, a switch, list or button at the right."""
    rng = page.rng
    groups = []
    for _ in range(rng.randint(1, 4)):
        rows = []
        for text in parts.unlike(rng, lambda: talk.either(rng, "setting", "check box", 0.7), rng.randint(2, 7)):
            kind = rng.random()
            note = f'<div class="dim small cut">{esc(words.sentence(rng, 6))}</div>' if page.chance(0.35) else ""
            icon = parts.ornament(page) if page.chance(0.25) else ""
            if kind < 0.5:
                mark = f'<span class="switch{" yes" if page.chance(0.5) else ""}"></span>'
                words_ = f'<div class="grow">{parts.named("text", text, "t line", tag="div")}{note}</div>'
                words_ = words_.replace('data-e="text"', "")
                rows.append(
                    f'<label class="row spread" style="display:flex" data-e="switch">{icon}{words_}{mark}</label>'
                )
                continue
            if kind < 0.7:
                end = parts.select(page, text, style="width:auto;min-width:110px")
            elif kind < 0.85:
                end = parts.button(page, rng.choice(["Change", "Edit", "Manage", words.phrase(rng, "button")]))
            else:
                end = parts.icon_button(page, rng.choice(["chevron-right", "edit", "settings", ""]))
            rows.append(
                f'<div class="row spread">{icon}<div '
                f'class="grow">{parts.named("label", text, "line", tag="div")}{note}</div>{end}</div>'
            )
        head = f"<h3>{esc(words.phrase(rng, 'sidebar'))}</h3>" if page.chance(0.8) else ""
        groups.append(f'{head}<div class="card col" style="gap:{rng.choice([4, 10, 14])}px">{"".join(rows)}</div>')
    return f'<div class="pad col" style="max-width:{rng.choice([560, 720, 2000])}px;gap:10px">{"".join(groups)}</div>'


def table(page: Page) -> str:
    """Columns under headers, with what tables have: boxes to tick, tags, actions."""
    rng = page.rng
    makers = [
        lambda: talk.person(rng),
        lambda: talk.file_name(rng),
        lambda: words.number(rng),
        lambda: talk.price(rng),
        lambda: talk.clock(rng),
        lambda: talk.say(rng, "city"),
        lambda: talk.say(rng, "company"),
        lambda: talk.mail(rng),
        lambda: words.title(rng, 3),
        lambda: talk.say(rng, "task"),
        lambda: f"#{rng.randint(100, 99999)}",
    ]
    columns = rng.sample(makers, rng.randint(2, 7))
    names = parts.unlike(rng, lambda: words.phrase(rng, "header"), len(columns) + 3)[: len(columns)]
    ticks, state, actions = page.chance(0.25), page.chance(0.4), page.chance(0.35)
    faces, icons = page.chance(0.15), page.chance(0.3)
    sort = rng.randrange(len(names))
    head = "".join(
        (
            f'<th data-e="header"><span class="t">{esc(name)}'
            f"</span>{' &#9650;' if i == sort and page.chance(0.4) else ''}</th>"
        )
        for i, name in enumerate(names)
    )
    head = ("<th></th>" if ticks else "") + head
    head += ("<th>Status</th>" if state else "") + ("<th></th>" if actions else "")
    rows = []
    acted = rng.sample(["edit", "delete", "eye", "download", "copy", "more-vertical"], rng.randint(1, 3))
    for _ in range(rng.randint(3, 40)):
        cells = "<td><input type=checkbox></td>" if ticks else ""
        for index, make in enumerate(columns):
            text = make()
            before = ""
            if index == 0:
                before = parts.face(page, text, 22) if faces else parts.ornament(page) if icons else ""
            inner = parts.named("cell", text, "row" if before else "", before)
            cells += f"<td>{inner}</td>"
        cells += f"<td>{parts.tag(page)}</td>" if state else ""
        cells += f'<td class="right">{"".join(parts.icon_button(page, a, 16) for a in acted)}</td>' if actions else ""
        rows.append(f"<tr{' class=on' if page.chance(0.03) else ''}>{cells}</tr>")
    tools = ""
    if page.chance(0.5):
        tools = f'<div class="row pad">{parts.control(page, hint=talk.say(rng, "hint"), style="width:220px")}'
        tools += "".join(parts.button(page, "", rng.choice(["", "main"])) for _ in range(rng.randint(0, 3)))
        tools += parts.icon_buttons(page, rng.randint(0, 4)) + "</div>"
    pages = pager(page) if page.chance(0.3) else ""
    return f'<div data-p="table">{tools}<table><tr>{head}</tr>{"".join(rows)}</table>{pages}</div>'


def pager(page: Page) -> str:
    """Links to other pages of a list."""
    first = page.rng.randint(1, 40)
    numbers = "".join(parts.named("button", f"{first + i}", "b") for i in range(page.rng.randint(3, 6)))
    return (
        f'<div class="row mid pad">{parts.icon_button(page, "chevron-left")}{numbers}'
        f"{parts.icon_button(page, 'chevron-right')}</div>"
    )


def article(page: Page) -> str:
    """Running text under headings, with links, lists and a picture."""
    rng = page.rng
    out = [f"<h1>{esc(talk.say(rng, 'headline'))}</h1>"]
    out.append(
        f'<div class="row dim small"><span>{esc(talk.person(rng))}</span><span>{esc(talk.clock(rng))}</span></div>'
    )
    out.append(f'<div class="row">{parts.icon_buttons(page, rng.choice([0, 0, 3, 4]))}</div>')
    for _ in range(rng.randint(2, 6)):
        kind = rng.random()
        if kind < 0.45:
            text = esc(talk.paragraph(rng, rng.randint(2, 5)))
            if page.chance(0.6):
                text += f" {parts.link(page, talk.either(rng, 'section', 'link'))} {esc(words.sentence(rng, 8))}"
            out.append(f"<p>{text}</p>")
        elif kind < 0.65:
            edit = parts.link(page, rng.choice(["edit", "[edit]", "permalink"])) if page.chance(0.3) else ""
            out.append(f'<div class="row under"><h2>{esc(talk.either(rng, "section", "sidebar"))}</h2>{edit}</div>')
        elif kind < 0.78:
            rows = "".join(f"<li>{parts.link(page)}</li>" for _ in range(rng.randint(2, 6)))
            out.append(f'<ul style="padding-left:1.5em">{rows}</ul>')
        elif kind < 0.9:
            out.append(parts.photo(page, rng.choice(["100%", "60%", "280px"]), rng.randint(90, 260)))
        else:
            out.append(f'<div class="card code small">{code_lines(page, rng.randint(2, 7))}</div>')
    wide = rng.choice([560, 700, 860, 2000])
    centre = "margin:0 auto;" if page.chance(0.4) else ""
    return f'<div class="pad col" style="max-width:{wide}px;gap:10px;{centre}">{"".join(out)}</div>'


def code_lines(page: Page, count: int, numbers: bool = False) -> str:
    """Lines of a made-up program, some words in colour."""
    rng = page.rng
    lines, depth = [], 0
    colours = [f"hsl({rng.randint(0, 360)},60%,{65 if page.look.theme.dark else 35}%)" for _ in range(4)]
    for number in range(count):
        a, b, c = (words.word(rng).lower() for _ in range(3))
        keyword, text = rng.choice(
            [
                ("def", f"{a}_{b}({c}):"),
                ("if", f"{a} == {rng.randint(0, 99)}:"),
                ("return", f"{a}.{b}({c})"),
                ("for", f"{a} in {b}:"),
                ("", f'{a} = "{b} {c}"'),
                ("", f"{a}.{b}({c}, {rng.randint(0, 512)})"),
                ("import", f"{a}.{b}"),
                ("const", f"{a} = {b}({c});"),
                ("#", f"{a} {b} {c}"),
                ("", ""),
            ]
        )
        colour = rng.choice(colours)
        before = f'<span class="dim">{number + 1:>4}  </span>' if numbers else ""
        mark = f'<span style="color:{colour}">{keyword}</span> ' if keyword else ""
        lines.append(f"<div>{before}{'    ' * depth}{mark}<span>{esc(text)}</span>&nbsp;</div>")
        depth = min(4, depth + 1) if text.endswith(":") else max(0, depth - rng.choice([0, 0, 1]))
    return "".join(lines)


def cards(page: Page) -> str:
    """A grid of cards: products, pictures, projects, with actions."""
    rng = page.rng
    kind = rng.choice(["shop", "shop", "photo", "project", "person"])
    wide = rng.choice([150, 180, 220, 260, 320])
    acted = rng.sample(CARD, rng.choice([0, 0, 1, 2, 3]))
    lone = page.chance(0.6)
    cells = []
    for index in range(rng.randint(3, 18)):
        title = {
            "shop": lambda: talk.product(rng),
            "photo": lambda: talk.file_name(rng),
            "person": lambda: talk.person(rng),
        }.get(kind, lambda: words.title(rng, 3))()
        icons = "".join(parts.icon_button(page, concept, 16) for concept in acted) if not lone or index == 0 else ""
        body = [parts.photo(page, "100%", rng.choice([60, 100, 140]))] if kind in ("shop", "photo") else []
        if kind == "person":
            body.append(parts.face(page, title, 44))
        body.append(parts.named("link" if kind == "shop" else "text", title, "bold cut", tag="div"))
        if kind == "shop":
            body.append(f'<div class="row spread"><span class="bold">{talk.price(rng)}</span>{icons}</div>')
            body.append(
                parts.button(page, rng.choice(["Add to cart", "Buy", "Details"]), "main") if page.chance(0.4) else ""
            )
        else:
            body.append(f'<div class="dim small cut">{esc(words.sentence(rng, 5))}</div>')
            body.append(
                f'<div class="row spread">{parts.tag(page) if page.chance(0.4) else "<i></i>"}<span>{icons}'
                "</span></div>"
            )
        cells.append(f'<div class="card col">{"".join(body)}</div>')
    head = (
        f'<div class="row spread"><h2>{esc(talk.say(rng, "shout"))}</h2>{parts.select(page, style="width:170px")}</div>'
    )
    head = head if page.chance(0.6) else ""
    grid = f"display:grid;gap:{rng.choice([6, 10, 16])}px;grid-template-columns:repeat(auto-fill,minmax({wide}px,1fr))"
    return f'<div class="pad col">{head}<div style="{grid}">{"".join(cells)}</div></div>'


CARD = [
    "heart",
    "share",
    "bookmark",
    "more-vertical",
    "edit",
    "delete",
    "star",
    "download",
    "eye",
    "cart",
    "link",
    "like",
]
