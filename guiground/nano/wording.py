"""How people ask for an element: its name alone, with its role, with a verb."""

import random

from guiground.nano.scenes import Element
from guiground.nano.scenes import words as scene_words

VERBS = {
    "button": ["click", "press", "click on", "hit", "push", "tap"],
    "menu": ["open", "click", "open up", "click on"],
    "menu item": ["choose", "select", "click", "pick"],
    "check box": ["check", "tick", "toggle", "enable", "click"],
    "switch": ["toggle", "turn on", "switch", "click"],
    "radio button": ["select", "choose", "click"],
    "field": ["click", "type into", "click in", "focus"],
    "drop-down": ["open", "click", "expand"],
    "list item": ["open", "select", "go to", "click", "show"],
    "tree item": ["open", "select", "expand", "click"],
    "cell": ["select", "open", "click", "double-click"],
    "header": ["sort by", "click", "click on"],
    "icon label": ["open", "select", "double-click"],
    "tab": ["open", "switch to", "go to", "click", "show"],
    "link": ["click", "follow", "open"],
    "key": ["press", "click", "type", "hit"],
    "day": ["click", "select", "go to"],
}
ROLES = {
    "button": ["button"],
    "menu": ["menu"],
    "menu item": ["menu item", "entry", "item", "option"],
    "check box": ["check box", "checkbox", "option"],
    "switch": ["switch", "toggle"],
    "radio button": ["radio button", "option"],
    "field": ["field", "text field", "input", "box", "text box", "entry"],
    "drop-down": ["drop-down", "dropdown", "list", "combo box", "menu", "drop-down list"],
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
    "key": ["key", "button", "digit", "number"],
    "day": ["day", "date"],
}
NOUNS = {  # what the name may be the name of
    "list item": "folder|file|place|note|message|chapter|section|album|song|playlist|contact|group|page|account",
    "tree item": "folder|file|section|group|node|branch|chapter|category|table",
    "cell": "file|folder|message|song|table|file name|name|row|item|entry|account|contact",
    "icon label": "file|folder|picture|document|app|program",
    "drop-down": "option|choice|value|list",
    "label": "section|setting|line|field label",
    "heading": "section|chapter|article|page|group",
    "tab": "page|section|view|tab",
    "link": "page|article|section",
    "text": "line|sentence|message|text",
}
# What somebody wants to do with it; the screen need not say so. Other words than these come from the dictionary, so
# that a question is told by its name and not refused for the rest.
TASKS = """
show|display|jump to|go to|switch to|see|view|use|start|find|change|set|set the|pick|edit|insert|convert to|move to|
look at|launch|get|read|browse|hide|turn on|turn off|add|make it|run|send|mark as|put in|continue to
""".replace("\n", "").split("|")
SMALL = ("a", "all", "and", "as", "for", "from", "in", "of", "on", "the", "this", "to", "with")
PLACES = {
    "sidebar": ["in the sidebar", "in the side bar", "on the left"],
    "dialog": ["in the dialog"],
    "menu": ["in the menu"],
    "tool bar": ["in the toolbar", "in the tool bar"],
    "table": ["in the table", "in the list"],
    "status bar": ["in the status bar"],
    "header bar": ["in the header bar", "in the title bar"],
    "page head": ["at the top", "in the header"],
}


NAMED = [
    ("{name}", 10),
    ("the {name} {role}", 8),
    ("{name} {role}", 5),
    ("{verb} the {name} {role}", 5),
    ("{verb} {name}", 6),
    ('"{name}"', 2),
    ('{verb} "{name}"', 1),
    ("the {name}", 2),
    ("the {role} {name}", 1),
    ("the {role} named {name}", 1),
    ("the {role} that says {name}", 1),
    ("{name}, the {role}", 1),
    ("please {verb} {name}", 1),
    ("the {noun} {name}", 3),
    ("{verb} the {noun} {name}", 2),
    ("{name} {noun}", 1),
    ("{noun} {name}", 1),
    ("{name} in the list", 1),
    ("{task} {name}", 3),
    ("{task} the {name}", 1),
    ("{word} {name}", 1),
    ("the {word} {name}", 1),
    ("{word} {role}, {name}", 1),
    ("the {word} {role} {name}", 1),
    ("{verb} the {word}: {name}", 1),
]
BESIDE = [
    ("the {name} {role}", 8),
    ("{name} {role}", 5),
    ("{verb} the {name} {role}", 4),
    ("the {role} next to {name}", 2),
    ("the {role} right of {name}", 1),
    ("the {role} labelled {name}", 1),
    ("the {role} for {name}", 2),
    ("{role} {name}", 2),
    ("the {name} box", 1),
    ("enter {name}", 1),
    ("change {name}", 1),
    ("{verb} {name}", 1),
    ("{name}", 1),
]
VALUED = [
    ("the {name} {role}, {value}", 2),
    ("{name} {role}, {value}", 2),
    ("change {name} from {value}", 2),
    ("change the {name} from {value}", 1),
    ("the {name} {role}, now {value}", 2),
    ("{verb} {name}, {value}", 1),
]
PICTURED = [
    ("{name}", 12),
    ("{name} icon", 4),
    ("{name} button", 3),
    ("the {name} icon", 5),
    ("the {name} button", 4),
    ("{verb} the {name} icon", 5),
    ("{verb} the {name} button", 4),
    ("{verb} {name}", 3),
    ("{verb} the {name}", 2),
    ("the {name}", 1),
    ("the icon for {name}", 1),
    ("{name} the {word}", 2),
    ("{name} {word}", 1),
    ("the {name} icon for {word}", 1),
    ("the {name} to {word} the {word}", 1),
    ("{task} {name}", 1),
    ("please {verb} {name}", 1),
]
FURNITURE = {"title bar": " the window", "dialog title": " the dialog"}


def instruction(rng: random.Random, element: Element, placed: bool = True) -> str:
    """Words for one element; with `placed`, now and then with the part of the screen it is in."""
    name = element.name
    if rng.random() < 0.06:
        name = name.lower()
    elif rng.random() < 0.04 and len(name) > 4:
        name = misspelled(rng, name)
    elif rng.random() < 0.15 and name.count(" ") > 1:
        name = loosely(rng, name)
    if element.icon and element.place in FURNITURE and rng.random() < 0.4 and " " not in name:
        name += FURNITURE[element.place]
    forms = BESIDE if element.beside else PICTURED if element.icon else NAMED
    if element.value and rng.random() < 0.4:
        forms = VALUED
    if element.icon and name.endswith(tuple(FURNITURE.values())):
        forms = [("{name}", 1)]  # "close the dialog" is a whole instruction
    form = rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]
    role = rng.choice(ROLES.get(element.role, ["text"]))
    verb = rng.choice(VERBS.get(element.role, ["click", "select", "click on"]))
    noun = rng.choice(NOUNS.get(element.role, role).split("|"))
    known = {"task": rng.choice(TASKS), "word": scene_words.word(rng).lower(), "value": element.value}
    words = form.format(name=name, role=role, verb=verb, noun=noun, **known)
    if placed and element.place in PLACES and rng.random() < 0.12:
        words += " " + rng.choice(PLACES[element.place])
    return words[0].upper() + words[1:] if rng.random() < 0.12 else words


def loosely(rng: random.Random, name: str) -> str:
    """A name of three words or more as people remember it: in lower case, a small word more or less."""
    words = name.lower().split()
    small = [place for place, word in enumerate(words) if word in SMALL]
    if small and rng.random() < 0.7:
        words[rng.choice(small)] = rng.choice(["", "the"])
    else:
        words.insert(rng.randrange(1, len(words)), rng.choice(["the", "a", "my"]))
    return " ".join(filter(None, words))


def misspelled(rng: random.Random, name: str) -> str:
    """The name with one letter left out, doubled, exchanged with the next or replaced by another."""
    place = rng.randrange(1, len(name) - 1)
    letter, following = name[place], name[place + 1]
    return name[:place] + rng.choice(
        [
            name[place + 1 :],
            letter + name[place:],
            following + letter + name[place + 2 :],
            rng.choice("abcdefghijklmnopqrstuvwxyz") + name[place + 1 :],
        ]
    )
