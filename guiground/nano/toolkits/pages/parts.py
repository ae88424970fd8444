"""Small parts of a page. What may be asked for is marked: data-e its role, data-c an icon's concept, data-p its place.

`.t` holds an element's words where it shows more than words; data-n names what a label beside it names.
"""

import functools
import html
import random
from dataclasses import dataclass, field

from guiground.nano.scenes import words
from guiground.nano.scenes.lexicon import lexicon
from guiground.nano.scenes.themes import hue
from guiground.nano.toolkits import svg_icons, talk
from guiground.nano.toolkits.pages.sheet import Look, css


@dataclass
class Page:
    """The state of one page while it is written."""

    rng: random.Random
    look: Look
    icons: svg_icons.IconFiles
    family: str = ""
    used: set[str] = field(default_factory=set)  # groups of all icons so far
    named: set[str] = field(default_factory=set)  # groups of those that stand without words

    def __post_init__(self):
        self.family = self.icons.family(self.rng)
        self.icon_size = self.rng.choice([14, 16, 16, 18, 20, 20, 24])

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.rng.random() < share


def esc(text: str) -> str:
    """Text as HTML."""
    return html.escape(text, quote=True)


def picture(page: Page, choice, size: int, more: str = "") -> str:
    """The icon of `choice` as HTML; `more` are attributes."""
    concept, files = choice
    page.used.add(lexicon()[concept].group)
    kind, data = svg_icons.markup(svg_icons.nearest(files, size))
    style = f"width:{size}px;height:{size}px"
    if kind == "mask":
        style += f";background:currentColor;-webkit-mask:url({data}) center/contain no-repeat"
        return f'<span class="i" {more} style="{style}"></span>'
    inner = data if kind == "inline" else f'<img src="{data}">'
    return f'<span class="i" {more} style="{style}">{inner}</span>'


@functools.cache
def concepts_by_phrase() -> dict[str, str]:
    """{what people call an icon: its concept}."""
    return {phrase: concept.name for concept in lexicon().values() for phrase in concept.phrases[::-1]}


def ornament(page: Page, concept: str = "", size: int = 0, text: str = "") -> str:
    """An icon that only decorates words, often what they say; "" where there is none."""
    if text and page.chance(0.7):
        known = concepts_by_phrase().get(text.lower().removesuffix("s"), concepts_by_phrase().get(text.lower(), ""))
        concept = known if page.icons.choose(page.rng, page.family, known) else concept
    choice = page.icons.choose(page.rng, page.family, concept, page.named)
    if choice is None:
        return ""
    return picture(page, choice, size or page.icon_size, f'data-c="{choice[0]}" data-worded="1"')


def icon_button(page: Page, concept: str = "", size: int = 0, place: str = "", role: str = "button") -> str:
    """A button that shows only an icon; any that nothing else on the page looks like where no concept is given."""
    choice = page.icons.choose(page.rng, page.family, concept, () if concept else page.used)
    if choice is None:
        return ""
    page.named.add(lexicon()[choice[0]].group)
    size = size or page.icon_size
    where = f' data-p="{place}"' if place else ""
    tag = page.rng.choice(["button", "button", "span"])
    return f'<{tag} class="ib" data-e="{role}" data-c="{choice[0]}"{where}>{picture(page, choice, size)}</{tag}>'


def icon_buttons(page: Page, count: int, concepts: list[str] | None = None, size: int = 0, place: str = "") -> str:
    """Several beside each other."""
    chosen = page.rng.sample(concepts, min(count, len(concepts))) if concepts else [""] * count
    return "".join(icon_button(page, concept, size, place) for concept in chosen)


def named(
    role: str, text: str, classes: str = "", inner: str = "", tag: str = "span", after: str = "", more: str = ""
) -> str:
    """An element known by the words it shows, with something before or after them."""
    if not inner and not after:
        return f'<{tag} class="{classes}" data-e="{role}" {more}>{esc(text)}</{tag}>'
    return f'<{tag} class="{classes}" data-e="{role}" {more}>{inner}<span class="t">{esc(text)}</span>{after}</{tag}>'


def button(page: Page, text: str = "", kind: str = "", icon: float = 0.15, tag: str = "button") -> str:
    """A button with words, and an icon now and then."""
    text = text or words.phrase(page.rng, "button")
    inner = ornament(page, text=text) if page.chance(icon) else ""
    return named("button", text, f"b {kind}", inner, tag)


def link(page: Page, text: str = "", classes: str = "") -> str:
    """A link."""
    return named("link", text or words.phrase(page.rng, "link"), classes, tag="a", more='href="#"')


def tick(page: Page, text: str = "", radio: str = "") -> str:
    """A check box, or a radio button of the group `radio`, drawn by the browser or by the page."""
    rng = page.rng
    text = text or talk.either(rng, "option" if radio else "setting", "check box")
    on = rng.random() < 0.45
    role = "radio button" if radio else "check box"
    if page.look.native or page.chance(0.3):
        kind = f'type="radio" name="{radio}"' if radio else 'type="checkbox"'
        mark = f"<input {kind} {'checked' if on else ''}>"
    else:
        mark = f'<span class="{"dot" if radio else "tick"}{" yes" if on else ""}"></span>'
    return named(role, text, "", mark, "label")


def switch(page: Page, text: str = "") -> str:
    """A switch with its words before or after it."""
    text = text or talk.either(page.rng, "setting", "switch")
    mark = f'<span class="switch{" yes" if page.chance(0.5) else ""}"></span>'
    if page.chance(0.5):
        return named("switch", text, "", mark, "label")
    return named("switch", text, "row spread", tag="label", after=mark, more='style="display:flex"')


def control(page: Page, name: str = "", hint: str = "", value: str = "", kind: str = "text", style: str = "") -> str:
    """A text field; with `name`, one that a label beside it names."""
    own = f'data-n="{esc(name)}"' if name else ""
    return (
        f'<input class="f field" type="{kind}" data-e="field" {own} style="{style}" '
        f'placeholder="{esc(hint)}" value="{esc(value)}">'
    )


def select(page: Page, name: str = "", options: list[str] | None = None, style: str = "") -> str:
    """A drop-down list, closed."""
    options = options or [talk.either(page.rng, "option") for _ in range(page.rng.randint(2, 6))]
    own = f'data-n="{esc(name)}"' if name else ""
    if page.look.native or page.chance(0.4):
        inner = "".join(f"<option>{esc(option)}</option>" for option in options)
        return (
            f'<select class="field" data-e="drop-down" {own} style="{style}" data-c="chevron-down" '
            f'data-worded="1">{inner}</select>'
        )
    arrow = ornament(page, page.rng.choice(["chevron-down", "chevron-down", "unfold"]), round(page.look.size * 0.9))
    arrow = arrow or '<span data-c="chevron-down" data-worded="1">&#9662;</span>'
    words_ = named("text", options[0], "grow cut") if name else f'<span class="t grow cut">{esc(options[0])}</span>'
    return (
        f'<span class="b field row spread" data-e="drop-down" {own} style="font-weight:400;{style}">{words_}'
        f"{arrow}</span>"
    )


def labelled(page: Page, text: str = "", wide: int = 0) -> str:
    """A label and the field, list or area that it names: beside it, or under it where `wide` is 0."""
    rng = page.rng
    text = text or (words.phrase(rng, "label") if page.chance(0.7) else talk.say(rng, "property"))
    name = text.rstrip(":*").strip()
    label = named("label", text + rng.choice(["", "", ":" if not text.endswith(":") else ""]), "line")
    kind = rng.random()
    if kind < 0.25:
        field_ = select(page, name)
    elif kind < 0.32 and not wide:
        field_ = f'<textarea class="f field" rows="{rng.randint(2, 5)}" data-e="field" data-n="{esc(name)}"></textarea>'
    elif kind < 0.38:
        what = rng.choice(["date", "time", "number", "password"])
        value = {"date": "2024-03-17", "time": f"{rng.randint(10, 23)}:15", "number": str(rng.randint(1, 400))}
        field_ = control(page, name, value=value.get(what, "secret12"), kind=what)
    else:
        hint = talk.say(rng, "hint") if page.chance(0.25) else ""
        value = field_value(rng) if page.chance(0.5) else ""
        field_ = control(page, name, hint, value)
    if not wide:
        return f'<div class="col" style="gap:2px"><div>{label}</div>{field_}</div>'
    return f'<div class="row"><div style="width:{wide}px;flex:none">{label}</div><div class="grow">{field_}</div></div>'


def field_value(rng: random.Random) -> str:
    """What somebody typed into a field."""
    kind = rng.choice(["person", "city", "company", "mail", "number", "title", "phrase"])
    own = {"person": talk.person, "mail": talk.mail, "number": words.number, "title": words.title}
    return own[kind](rng) if kind in own else talk.say(rng, kind) if kind != "phrase" else words.phrase(rng, "label")


def item(page: Page, text: str, role: str = "list item", icon: float = 0.5, after: str = "", on: float = 0.08) -> str:
    """One row of a list or menu."""
    inner = ornament(page, text=text) if page.chance(icon) else ""
    return named(role, text, "item" + (" on" if page.chance(on) else ""), inner, "div", after)


def face(page: Page, name: str, size: int = 32) -> str:
    """A round picture of a person: initials on a colour."""
    letters = "".join(part[0] for part in name.split()[:2]).upper()
    look = f"width:{size}px;height:{size}px;background:{css(hue(page.rng, 0.4))}"
    return f'<span class="face" style="{look}">{esc(letters)}</span>'


def photo(page: Page, width: str, height: int) -> str:
    """A stand-in for a photograph: two colours and a few shapes."""
    rng = page.rng
    a, b, c = (css(hue(rng, rng.uniform(0.25, 0.75))) for _ in range(3))
    angle = rng.randint(0, 360)
    back = f"linear-gradient({angle}deg,{a},{b})"
    if page.chance(0.6):
        x, y = rng.randint(10, 90), rng.randint(10, 90)
        back = (
            f"radial-gradient(circle at {x}% {y}%,{c} {rng.randint(5, 30)}%,transparent {rng.randint(31, 60)}%),{back}"
        )
    return f'<div class="pic" style="width:{width};height:{height}px;background:{back}"></div>'


def tag(page: Page, text: str = "") -> str:
    """A small coloured word."""
    return f'<span class="tag">{esc(text or talk.say(page.rng, "state"))}</span>'


def chip(page: Page, text: str = "") -> str:
    """A small button with an outline."""
    return named("button", text or talk.either(page.rng, "option", "tab"), "chip")


def tabs(page: Page, names: list[str], place: str = "", icon: float = 0.1) -> str:
    """A row of tabs, one of them chosen."""
    chosen = page.rng.randrange(len(names))
    icon = icon if page.chance(0.5) else 0
    cells = []
    for index, name in enumerate(names):
        inner = ornament(page, text=name) if page.chance(icon) else ""
        cells.append(named("tab", name, "tab" + (" on" if index == chosen else ""), inner))
    return f'<div class="row under cut" style="gap:2px" data-p="{place}">{"".join(cells)}</div>'


def unlike(rng: random.Random, make, count: int) -> list[str]:
    """Up to `count` different texts."""
    return list(dict.fromkeys(make() for _ in range(count)))
