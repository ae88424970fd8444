"""What stands around the content of a page or window: menu bars, tool bars, columns of places, rails, properties."""

from guiground.nano.scenes import words
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import panes, parts
from guiground.nano.toolkits.pages.parts import Page, esc


def column(page: Page, wide: int = 0) -> str:
    """A column of places, a tree or filters."""
    rng = page.rng
    wide = wide or rng.choice([160, 190, 220, 260])
    rows, icon = [], rng.choice([0, 0, 1, 1])
    kind = rng.choice(["places", "places", "tree", "filters"])
    for group in range(rng.randint(1, 4)):
        if group or page.chance(0.4):
            rows.append(f'<div class="dim small pad bold">{esc(talk.either(rng, "section", "sidebar"))}</div>')
        for _ in range(rng.randint(2, 9)):
            if kind == "filters":
                rows.append(
                    f'<div style="padding:2px 8px">{parts.tick(page, talk.either(rng, "option", "check box"))}</div>'
                )
            elif kind == "tree":
                depth = rng.randint(0, 3)
                mark = rng.choice(["&#9656;", "&#9662;", "&nbsp;"])
                name = talk.say(rng, "folder") if page.chance(0.5) else talk.file_name(rng)
                inner = f'<span class="dim">{mark}</span>' + (
                    parts.ornament(page, rng.choice(["folder", "file", "code"]), 16) if icon else ""
                )
                rows.append(
                    f'<div style="padding-left:{depth * 14}'
                    f'px">{parts.named("tree item", name, "item", inner, "div")}</div>'
                )
            else:
                count = (
                    f'<span class="tag" style="margin-left:auto">{rng.randint(1, 99)}</span>'
                    if page.chance(0.12)
                    else ""
                )
                rows.append(parts.item(page, talk.either(rng, "nav", "sidebar", 0.5), icon=icon, after=count))
    return (
        f'<aside class="side bar" data-p="sidebar" style="width:{wide}px;flex:none;overflow:hidden;'
        f'align-self:stretch">{"".join(rows)}</aside>'
    )


def rail(page: Page) -> str:
    """A narrow column of icons."""
    rng = page.rng
    icons = "".join(
        f"<div>{parts.icon_button(page, size=rng.choice([18, 20, 24]))}</div>" for _ in range(rng.randint(3, 9))
    )
    return (
        '<aside class="top col side" data-p="sidebar" style="align-items:center;padding:6px;'
        f'gap:{rng.choice([2, 8, 14])}px;flex:none">{icons}</aside>'
    )


def menu_bar(page: Page) -> str:
    """File, Edit, View and more."""
    rng = page.rng
    names = (
        ["File", "Edit", "View"][: rng.randint(1, 3)]
        + rng.sample(words.USUAL["menu"][3:], rng.randint(1, 7))
        + ["Help"]
    )
    cells = "".join(parts.named("menu", name, "item") for name in dict.fromkeys(names))
    return f'<div class="row bar" style="gap:0;flex:none" data-p="menu bar">{cells}</div>'


def tool_bar(page: Page) -> str:
    """Icons in groups, some with words, a list or field between them."""
    rng = page.rng
    cells = []
    for _ in range(rng.randint(1, 5)):
        kind = rng.random()
        if kind < 0.75:
            cells.append(
                f'<span class="row" style="gap:{rng.choice([0, 0, 2, 4])}'
                f'px">{parts.icon_buttons(page, rng.randint(2, 7))}</span>'
            )
        elif kind < 0.85:
            cells.append(parts.button(page, "", "ghost", 0.9))
        elif kind < 0.93:
            cells.append(parts.select(page, style="width:auto;min-width:90px"))
        else:
            cells.append(parts.control(page, hint=talk.say(rng, "hint"), style="width:160px"))
        if page.chance(0.5):
            cells.append('<span style="width:1px;height:1.4em;background:#8886"></span>')
    return f'<div class="row pad under bar" data-p="tool bar" style="flex:none;overflow:hidden">{"".join(cells)}</div>'


def properties(page: Page) -> str:
    """A narrow column of values."""
    rows = [f"<h3>{esc(words.phrase(page.rng, 'tab'))}</h3>"]
    for _ in range(page.rng.randint(3, 9)):
        rows.append(
            page.rng.choice([panes.slider, parts.tick, lambda p: parts.labelled(p, talk.say(p.rng, "property"), 90)])(
                page
            )
        )
    return f'<div class="pad col">{"".join(rows)}</div>'
