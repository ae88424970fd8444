"""Panes of tools: a board of tasks, a library of songs with a player, an editor, a sheet of cells."""

from guiground.nano.scenes import words
from guiground.nano.toolkits import talk
from guiground.nano.toolkits.pages import panes, parts
from guiground.nano.toolkits.pages.parts import Page, esc


def board(page: Page) -> str:
    """Columns of tasks."""
    rng = page.rng
    columns = []
    for name in rng.sample(
        ["Backlog", "To do", "Next", "Doing", "In review", "Waiting", "Done", "Ideas"], rng.randint(3, 5)
    ):
        tasks = "".join(
            (
                f'<div class="card col"><div data-e="list item">{esc(talk.say(rng, "task"))}</div><div '
                f'class="row">{parts.tag(page)}{parts.face(page, talk.person(rng), 22)}</div></div>'
            )
            for _ in range(rng.randint(1, 6))
        )
        head = (
            f'<div class="row spread"><h3>{name}'
            f"</h3>{parts.icon_button(page, rng.choice(['add', 'more-horizontal']))}</div>"
        )
        columns.append(
            f'<div class="col grow" style="gap:8px">{head}{tasks}{parts.button(page, "Add a card", "ghost", 0.7)}</div>'
        )
    return f'<div class="row pad" style="align-items:start;gap:12px">{"".join(columns)}</div>'


def library(page: Page) -> str:
    """Songs as a table over the controls of a player."""
    rng = page.rng
    rows = "".join(
        f'<tr><td class="dim">{i + 1}</td><td data-e="cell">{esc(talk.either(rng, "song", "tab"))}</td>'
        f'<td data-e="cell">{esc(talk.person(rng))}</td>'
        f"<td>{esc(talk.say(rng, 'genre'))}</td><td>{rng.randint(1, 9)}:{rng.randint(0, 59):02}</td></tr>"
        for i in range(rng.randint(6, 30))
    )
    head = (
        "<tr><th>#</th>"
        + "".join(f'<th data-e="header">{n}</th>' for n in ("Title", "Artist", "Genre", "Length"))
        + "</tr>"
    )
    return (
        f'<div class="col full" style="height:100%"><div class="fill"><table data-p="table">{head}{rows}</table>'
        f"</div>{player(page)}</div>"
    )


def player(page: Page) -> str:
    """Playback controls with a track bar."""
    rng = page.rng
    size = rng.choice([16, 20, 24, 28])
    chosen = [
        c
        for c in ("shuffle", "previous-track", "rewind", "play", "stop", "fast-forward", "next-track", "repeat")
        if page.chance(0.6)
    ]
    keys = "".join(parts.icon_button(page, "pause" if c == "play" and page.chance(0.5) else c, size) for c in chosen)
    side = parts.icon_buttons(
        page, rng.randint(1, 4), ["volume", "fullscreen", "playlist", "heart", "cast", "subtitles", "settings"]
    )
    track = (
        f'<span class="small">{rng.randint(0, 4)}:{rng.randint(10, 59)}</span><span class="track"><i '
        f'style="width:{rng.randint(5, 95)}%"></i></span>'
    )
    return f'<div class="row pad over bar" data-p="player">{keys}{track}{side}</div>'


def editor(page: Page) -> str:
    """Source text with line numbers under tabs of files."""
    names = parts.unlike(page.rng, lambda: talk.file_name(page.rng), page.rng.randint(1, 5))
    lines = panes.code_lines(page, page.rng.randint(15, 60), page.chance(0.7))
    return (
        f'<div class="col full" style="height:100%;gap:0">{parts.tabs(page, names)}<div class="fill base code" '
        f'style="line-height:1.4">{lines}</div></div>'
    )


def sheet(page: Page) -> str:
    """A grid of cells with letters over it."""
    rng = page.rng
    letters = "ABCDEFGHIJKLMN"[: rng.randint(5, 14)]
    head = "<tr><th></th>" + "".join(f'<th data-e="header">{letter}</th>' for letter in letters) + "</tr>"
    body = "".join(
        f"<tr><th>{row + 1}</th>"
        + "".join(
            f'<td class="side" data-e="cell">{esc(value(page)) if page.chance(0.4) else ""}</td>' for _ in letters
        )
        + "</tr>"
        for row in range(rng.randint(12, 36))
    )
    return f'<div class="base" data-p="table"><table>{head}{body}</table></div>'


def value(page: Page) -> str:
    """What one cell of a sheet holds."""
    return words.number(page.rng) if page.chance(0.5) else words.word(page.rng)
