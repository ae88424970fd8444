"""What opens over a page: dialogs, menus, toasts, cookie banners, drawers, palettes."""

from guiground.nano.scenes import words
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import panes, parts
from guiground.nano.toolkits.pages.parts import Page, esc


def over(page: Page) -> str:
    """Nothing, mostly; else one or two of these."""
    kinds = [dialog, dialog, menu, menu, menu, toast, banner, drawer, palette, bubble]
    count = page.rng.choice([0, 0, 0, 1, 1, 1, 2])
    return "".join(kind(page) for kind in page.rng.sample(kinds, count))


def dialog(page: Page) -> str:
    """A question, or a form, in a box over the dimmed page."""
    rng = page.rng
    ask = talk.say(rng, "ask")
    wide = rng.choice([320, 400, 480, 620])
    inner = f"<p>{esc(talk.paragraph(rng, 1))}</p>"
    kind = rng.random()
    if kind < 0.35:
        inner = "".join(parts.labelled(page, wide=rng.choice([0, 120])) for _ in range(rng.randint(1, 5)))
    elif kind < 0.5:
        inner += "".join(f"<div>{parts.tick(page)}</div>" for _ in range(rng.randint(1, 4)))
    elif kind < 0.6:
        inner = "".join(parts.item(page, talk.file_name(rng), icon=0.5) for _ in range(rng.randint(3, 8)))
    icon = parts.ornament(page, size=28) if page.chance(0.3) else ""
    cross = parts.icon_button(page, "close", place="dialog title") if page.chance(0.6) else ""
    veil = '<div class="veil"></div>' if page.chance(0.7) else ""
    place = f"left:50%;top:{rng.choice([15, 25, 35])}%;transform:translateX(-50%);width:{wide}px"
    if page.chance(0.3):
        place = f"left:{rng.randint(5, 60)}%;top:{rng.randint(5, 40)}%;width:{wide}px"
    head = f'<div class="row spread"><span class="row">{icon}<h3 class="line">{esc(ask)}</h3></span>{cross}</div>'
    return (
        f'{veil}<div class="dialog pad col" style="{place};gap:12px" data-p="dialog">{head}<div '
        f'class="col">{inner}</div>{panes.buttons(page)}</div>'
    )


def menu(page: Page) -> str:
    """An open menu with shortcuts, ticks, separators and now and then a second menu beside it."""
    rng = page.rng
    x, y = rng.randint(1, 75), rng.randint(3, 50)
    first, wide = entries(page), rng.choice([150, 190, 240])
    out = f'<div class="menu" data-p="menu" style="left:{x}%;top:{y}%;min-width:{wide}px">{first}</div>'
    if page.chance(0.2) and x < 50:
        place = f"left:calc({x}% + {wide + 40}px);top:{y + rng.randint(0, 12)}%;min-width:140px"
        out += f'<div class="menu" data-p="menu" style="{place};z-index:21">{entries(page)}</div>'
    return out


def entries(page: Page) -> str:
    """The entries of one menu."""
    rng = page.rng
    rows, icon, keys = [], rng.choice([0, 0, 0.5, 1]), page.chance(0.5)
    for name in parts.unlike(rng, lambda: words.phrase(rng, "menu item"), rng.randint(3, 14)):
        after = ""
        if keys and page.chance(0.5):
            key = (
                f"{rng.choice(['Ctrl+', 'Alt+', 'Shift+', 'Ctrl+Shift+', ''])}"
                f"{rng.choice('ABCDEFGHJKLNOPQRSTUVWXYZ') if page.chance(0.8) else 'F' + str(rng.randint(1, 12))}"
            )
            after = f'<span class="dim small" style="margin-left:auto;padding-left:24px">{key}</span>'
        elif page.chance(0.08):
            after = '<span data-c="chevron-right" data-worded="1" style="margin-left:auto">&#9656;</span>'
        dots = name.endswith("...")
        name = name.removesuffix("...")
        after = ('<span style="margin-left:-8px">...</span>' if dots else "") + after
        rows.append(parts.item(page, name, "menu item", icon, after, 0.05))
        if page.chance(0.12):
            rows.append('<div class="sep"></div>')
    return "".join(rows)


def toast(page: Page) -> str:
    """A short message near an edge."""
    rng = page.rng
    act = parts.link(page, rng.choice(["Undo", "Dismiss", "View", "Retry"])) if page.chance(0.6) else ""
    cross = parts.icon_button(page, "close", 14) if page.chance(0.4) else ""
    side = rng.choice(["left:20px", "right:20px", "left:40%"])
    return (
        f'<div class="card row" style="position:fixed;{rng.choice(["top", "bottom"])}:20px;{side};z-index:50">'
        f'<span class="line">{esc(talk.say(rng, "toast"))}</span>{act}{cross}</div>'
    )


def banner(page: Page) -> str:
    """A question about cookies or a notice at the top or bottom."""
    rng = page.rng
    names = rng.sample(
        [
            "Accept all",
            "Reject all",
            "Manage choices",
            "Only necessary",
            "Customize",
            "Got it",
            "More information",
            "Allow",
            "Deny",
            "Save choices",
        ],
        rng.randint(1, 3),
    )
    row = "".join(parts.button(page, name, "main" if i == 0 else "", 0) for i, name in enumerate(names))
    edge = rng.choice(["bottom:0", "bottom:0", "top:0"])
    cookies = ["We use cookies to make this site work.", "This site stores data on your device."]
    note = rng.choice([*cookies, talk.paragraph(rng, 1)])
    text = f'<p class="grow">{esc(note)}</p>'
    return (
        f'<div class="base pad row over" style="position:fixed;{edge};left:0;right:0;z-index:45;gap:12px">{text}'
        f"{row}</div>"
    )


def drawer(page: Page) -> str:
    """A panel that slid in from the right."""
    rng = page.rng
    rows = "".join(
        parts.labelled(page) if page.chance(0.4) else f"<div>{parts.switch(page)}</div>"
        for _ in range(rng.randint(3, 9))
    )
    head = (
        f'<div class="row spread"><h3 class="line">{esc(words.title(rng, 2))}'
        f"</h3>{parts.icon_button(page, 'close')}</div>"
    )
    return (
        '<div class="base pad col" style="position:fixed;right:0;top:0;bottom:0;'
        f"width:{rng.choice([260, 320, 380])}px;z-index:44;gap:12px;box-shadow:0 0 20px #0006;"
        f'overflow:hidden">{head}{rows}{panes.buttons(page)}</div>'
    )


def palette(page: Page) -> str:
    """A field with a list of suggestions under it."""
    rng = page.rng
    rows = "".join(
        parts.item(page, words.phrase(rng, "menu item").removesuffix("..."), icon=0.4, on=0.1)
        for _ in range(rng.randint(3, 10))
    )
    return (
        f'<div class="menu" style="position:fixed;left:25%;top:{rng.randint(6, 20)}%;width:50%;z-index:46;'
        f'padding:8px">{parts.control(page, hint=talk.say(rng, "hint"))}{rows}</div>'
    )


def bubble(page: Page) -> str:
    """A small help or account panel."""
    rng = page.rng
    name = talk.person(rng)
    rows = "".join(
        parts.item(page, text, "menu item", 0.6)
        for text in rng.sample(
            [
                "Your profile",
                "Account settings",
                "Switch account",
                "Log out",
                "Upgrade plan",
                "What's new",
                "Help & feedback",
                "Appearance",
                "Language",
            ],
            rng.randint(2, 6),
        )
    )
    return (
        f'<div class="card" style="position:fixed;right:{rng.randint(1, 12)}%;top:56px;width:240px;z-index:43" '
        f'data-p="menu"><div class="row under pad">{parts.face(page, name)}<span class="line">{esc(name)}</span>'
        f"</div>{rows}</div>"
    )
