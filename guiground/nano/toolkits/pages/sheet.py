"""The look of one page: colours, shapes, spacing and fonts as a style sheet."""

import random
from dataclasses import dataclass

from PIL import ImageFont

from guiground.nano.scenes.fonts import WEIGHTS, font_book
from guiground.nano.scenes.themes import Theme, hue, new_theme, shade


@dataclass(slots=True)
class Look:
    """What widgets ask of the page's look."""

    theme: Theme
    size: int  # pixels of running text
    family: str
    native: bool  # form controls as the browser draws them


def families(held_out: bool) -> dict[str, float]:
    """Font families of scenes/fonts.py and how often each is used."""
    found: dict[str, float] = {}
    for stem, path in font_book(held_out).files.items():
        name = ImageFont.truetype(str(path), 12).getname()[0]
        if "Mono" in name or name in ("Hack", "Cousine"):
            continue
        found[name] = found.get(name, 0) + (1 if held_out else WEIGHTS[stem])
    return found


def new_look(rng: random.Random, held_out: bool = False) -> Look:
    """A random look."""
    names = families(held_out)
    family = rng.choices(list(names), [weight**0.7 for weight in names.values()])[0]
    size = rng.choice([11, 12, 12, 13, 13, 13, 14, 14, 14, 14, 15, 15, 16, 16, 16, 17, 18, 20])
    return Look(new_theme(rng), size, family, rng.random() < 0.4)


MONO = ("DejaVu Sans Mono", "Hack", "JetBrains Mono", "Liberation Mono")


def css(colour) -> str:
    """A colour as a style sheet has it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def sheet(rng: random.Random, look: Look) -> str:
    """The page's style sheet."""
    theme, size = look.theme, look.size
    accent = theme.accent
    ink = css(theme.accent_text)
    gap, pad = rng.choice([2, 4, 6, 8, 12]), rng.choice([2, 3, 4, 6, 8])
    radius = theme.radius
    line = css(theme.border)
    shadow = rng.choice(["none", "0 1px 3px rgba(0,0,0,.25)", "0 4px 14px rgba(0,0,0,.18)"])
    button = rng.choice(
        [
            f"background:{css(theme.bar)};border:1px solid {line}",
            f"background:transparent;border:1px solid {line}",
            (
                f"background:linear-gradient({css(shade(theme.bar, 8))},{css(shade(theme.bar, -10))});"
                f"border:1px solid {line}"
            ),
            f"background:{css(shade(theme.window, 18 if theme.dark else -14))};border:0",
        ]
    )
    caps = "text-transform:uppercase;letter-spacing:.04em;" if rng.random() < 0.08 else ""
    heads = rng.choice(
        [f"background:{css(theme.bar)}", f"background:{css(shade(theme.window, -8))}", "background:none"]
    )
    stripe = f"background:{css(shade(theme.base, 8 if theme.dark else -8))}" if rng.random() < 0.4 else ""
    bar_look = rng.choice(
        [
            f"background:{css(theme.bar)};color:{css(theme.text)}",
            f"background:{css(theme.base)};color:{css(theme.text)}",
            f"background:{css(accent)};color:{ink}",
            f"background:#{rng.choice(['20242c', '2b2b33', '111827', '14304f', '3b2a4f'])};color:#eef",
        ]
    )
    tab_look = rng.choice(
        [
            (
                f".tab{{border-bottom:2px solid transparent}}.tab.on{{border-color:{css(accent)};"
                f"color:{css(theme.link)};background:none}}"
            ),
            (
                f".tab{{border:1px solid {line};background:{css(theme.bar)}"
                f"}}.tab.on{{background:{css(theme.base)};color:{css(theme.text)}}}"
            ),
            f".tab{{border-radius:{radius}px}}.tab.on{{background:{css(accent)};color:{ink}}}",
        ]
    )
    field = rng.choice(
        [
            f"border:1px solid {line};border-radius:{radius}px;background:{css(theme.base)}",
            f"border:0;border-bottom:1px solid {css(theme.dim)};background:transparent",
            f"border:1px solid {line};border-radius:{radius}px;background:{css(theme.window)}",
            f"border:0;border-radius:{radius + 2}px;background:{css(shade(theme.window, 14 if theme.dark else -12))}",
        ]
    )
    weight = rng.choice([400, 400, 500, 600, 700])
    head = rng.choice([1.0, 1.2, 1.35, 1.6])
    height = rng.choice([1.2, 1.3, 1.4, 1.5, 1.6])
    styled = "" if look.native else f"input.f,select.f,textarea{{appearance:none;{field}}}"
    return f"""
*{{box-sizing:border-box;animation:none!important;transition:none!important;caret-color:transparent}}
html{{color-scheme:{"dark" if theme.dark else "light"};accent-color:{css(accent)}}}
html,body{{margin:0;height:100%}}
body{{font:{size}px/{height} '{look.family}';background:{css(theme.window)};color:{css(theme.text)};overflow-x:hidden}}
button,input,select,textarea{{font:inherit;color:inherit}}
h1,h2,h3,h4,p,ul{{margin:0;padding:0}}
h1{{font-size:{head * 1.35:.2f}em;font-weight:{rng.choice([400, 600, 700])}}}
h2{{font-size:{head * 1.1:.2f}em;font-weight:{rng.choice([500, 600, 700])}}}
h3{{font-size:{head * 0.95:.2f}em;font-weight:{rng.choice([600, 700])}}}
.row{{display:flex;align-items:center;gap:{gap + 2}px}}.col{{display:flex;flex-direction:column;gap:{gap}px}}
.wrap{{flex-wrap:wrap}}.grow{{flex:1;min-width:0}}.spread{{justify-content:space-between}}.mid{{justify-content:center}}
.full{{width:100%;height:100vh;overflow:hidden}}.fill{{flex:1;min-height:0;min-width:0;overflow:hidden}}
.pad{{padding:{pad + 4}px {pad + 8}px}}.dim{{color:{css(theme.dim)}}}.small{{font-size:.86em}}.large{{font-size:1.25em}}
.bold{{font-weight:700}}.right{{text-align:right}}.cut{{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
.line{{white-space:nowrap}}.base{{background:{css(theme.base)}}}.bar{{background:{css(theme.bar)}}}
.under{{border-bottom:1px solid {line}}}.over{{border-top:1px solid {line}}}.side{{border-right:1px solid {line}}}
.card{{background:{css(theme.base)};border:{rng.choice([0, 1])}px solid {line};border-radius:{radius + 2}px;
 box-shadow:{shadow};padding:{pad + 8}px}}
.b{{{button};border-radius:{radius}px;padding:{pad}px {pad * 2 + rng.choice([4, 8])}px;white-space:nowrap;{caps}
 display:inline-flex;align-items:center;gap:6px;justify-content:center;font-weight:{weight}}}
.b.main{{background:{css(accent)};color:{ink};border:1px solid {css(accent)}}}
.b.ghost{{background:none;border:1px solid transparent;color:{css(theme.link)}}}
.b.danger{{background:#c8322c;color:#fff;border-color:#c8322c}}
.ib{{display:inline-flex;padding:{rng.choice([2, 4, 6, 8])}px;border:0;border-radius:{radius}px;background:none}}
.ib.boxed{{{button}}}.i{{display:inline-flex;flex:none}}.i svg,.i img{{width:100%;height:100%;display:block}}
a{{color:{css(theme.link)};text-decoration:{rng.choice(["none", "none", "underline"])};white-space:nowrap}}
.plain{{color:inherit;text-decoration:none}}
.field{{padding:{pad}px {pad + 4}px;min-width:40px;width:100%}}{styled}
label{{display:inline-flex;align-items:center;gap:6px;white-space:nowrap}}
.item{{padding:{pad}px {pad + 6}px;display:flex;align-items:center;gap:8px;white-space:nowrap;border-radius:{radius}px}}
.on{{background:{css(accent)};color:{ink}}}.soft{{background:{css(shade(theme.window, 16 if theme.dark else -16))}}}
.tab{{padding:{pad + 1}px {pad + 8}px;white-space:nowrap;display:inline-flex;gap:6px;align-items:center}}{tab_look}
.top{{{bar_look}}}.top a{{color:inherit}}
table{{border-collapse:collapse;width:100%}}
th,td{{padding:{pad}px {pad + 6}px;text-align:left;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;
 border-bottom:{rng.choice([0, 1])}px solid {line}}}
th{{{heads};font-weight:{rng.choice([400, 600, 700])};{caps}}}tr:nth-child(even) td{{{stripe}}}
tr.on td{{background:{css(accent)};color:{ink}}}
.chip{{border:1px solid {line};border-radius:{rng.choice([3, 6, 20])}px;padding:1px {pad + 5}px;white-space:nowrap;
 display:inline-flex;gap:5px;align-items:center}}
.tag{{border-radius:{rng.choice([3, 10])}px;padding:0 6px;font-size:.85em;white-space:nowrap;
 background:{css(hue(rng, 0.3 if theme.dark else 0.85))}}}
.menu{{position:absolute;background:{css(theme.base)};border:1px solid {line};border-radius:{radius}px;padding:4px 0;
 box-shadow:0 3px 12px rgba(0,0,0,.3);z-index:20}}
.menu .item{{border-radius:0;padding:{pad}px {pad + 14}px}}.sep{{height:1px;background:{line};margin:4px 0}}
.win{{position:absolute;display:flex;flex-direction:column;overflow:hidden;background:{css(theme.window)};
 border:1px solid {line};border-radius:{rng.choice([0, 4, 8, 12])}px;box-shadow:0 6px 24px rgba(0,0,0,.4)}}
.veil{{position:fixed;inset:0;background:rgba(0,0,0,{rng.choice([0.25, 0.4, 0.55])});pointer-events:none;z-index:30}}
.dialog{{position:fixed;z-index:40;background:{css(theme.window)};border-radius:{radius + 4}px;border:1px solid {line};
 box-shadow:0 10px 40px rgba(0,0,0,.4)}}
.switch{{width:2.2em;height:1.2em;border-radius:1em;background:{css(theme.dim)};position:relative;flex:none;
 display:inline-block}}
.switch:after{{content:"";position:absolute;width:1em;height:1em;border-radius:50%;background:#fff;top:.1em;left:.1em}}
.switch.yes{{background:{css(accent)}}}.switch.yes:after{{left:1.1em}}
.tick,.dot{{width:1.1em;height:1.1em;border:1px solid {css(theme.dim)};border-radius:{min(radius, 3)}px;flex:none;
 display:inline-block;background:{css(theme.base)}}}
.tick{{display:inline-flex;align-items:center;justify-content:center}}.tick.yes:after{{content:"";width:.3em;height:.6em;
 border:solid {ink};border-width:0 2px 2px 0;transform:rotate(45deg)}}
.dot{{border-radius:50%}}.tick.yes{{background:{css(accent)}}}.dot.yes{{border:.35em solid {css(accent)}}}
.face{{border-radius:{rng.choice(["50%", "50%", "6px"])};flex:none;display:inline-flex;align-items:center;
 justify-content:center;color:#fff;font-size:.85em}}
.pic{{border-radius:{radius}px;flex:none}}
.code{{font-family:'{rng.choice(MONO)}';white-space:pre}}
.bubble{{border-radius:{rng.choice([4, 12, 18])}px;padding:{pad + 2}px {pad + 8}px;max-width:70%}}
.track{{height:{rng.choice([3, 4, 6])}px;border-radius:3px;background:{line};position:relative;flex:1;min-width:40px}}
.track i{{position:absolute;inset:0 auto 0 0;background:{css(accent)};border-radius:3px}}
"""
