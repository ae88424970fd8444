"""How people ask for an element: its name alone, with its role, with a verb."""

import random

from guiground.nano.scenes import Element

VERBS = {
    "button": ["click", "press", "click on", "hit", "push", "tap"],
    "menu": ["open", "click", "open up", "click on"],
    "menu item": ["choose", "select", "click", "pick"],
    "check box": ["check", "tick", "toggle", "enable", "click"],
    "switch": ["toggle", "turn on", "switch", "click"],
    "radio button": ["select", "choose", "click"],
    "field": ["click", "type into", "click in", "focus"],
    "tab": ["open", "switch to", "go to", "click", "show"],
    "link": ["click", "follow", "open"],
}
ROLES = {
    "button": ["button"],
    "menu": ["menu"],
    "menu item": ["menu item", "entry", "item", "option"],
    "check box": ["check box", "checkbox", "option"],
    "switch": ["switch", "toggle"],
    "radio button": ["radio button", "option"],
    "field": ["field", "text field", "input", "box"],
    "tab": ["tab"],
    "link": ["link"],
    "list item": ["item", "entry", "row"],
    "tree item": ["item", "entry"],
    "icon label": ["file", "icon", "folder"],
    "cell": ["cell", "row", "entry"],
    "header": ["column", "column header", "header"],
    "label": ["label", "text"],
    "heading": ["heading", "title"],
    "title": ["title", "window"],
}
PLACES = {
    "sidebar": ["in the sidebar", "in the side bar", "on the left"],
    "dialog": ["in the dialog"],
    "menu": ["in the menu"],
    "tool bar": ["in the toolbar", "in the tool bar"],
    "table": ["in the table", "in the list"],
    "status bar": ["in the status bar"],
}


def instruction(rng: random.Random, element: Element) -> str:
    """Words for one element."""
    name = element.name
    if rng.random() < 0.06:
        name = name.lower()
    if rng.random() < 0.5 and not element.icon:
        return name
    role = rng.choice(ROLES.get(element.role, ["text"]))
    verb = rng.choice(VERBS.get(element.role, ["click", "select", "click on"]))
    form = rng.random()
    if form < 0.3:
        words = f"the {name} {role}"
    elif form < 0.45:
        words = f"{name} {role}"
    elif form < 0.65:
        words = f"{verb} the {name} {role}"
    elif form < 0.85:
        words = f"{verb} {name}"
    elif form < 0.92:
        words = f'"{name}"'
    else:
        words = f'{verb} "{name}"'
    if element.place in PLACES and rng.random() < 0.2:
        words += " " + rng.choice(PLACES[element.place])
    return words[0].upper() + words[1:] if rng.random() < 0.15 else words
