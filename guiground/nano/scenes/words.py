"""What programs write on their screens: menus, labels, names, dates, numbers, sentences."""

import functools
import random
import string
from pathlib import Path

MENUS = (
    "File Edit View Help Tools Window Format Insert Search Options Go Bookmarks Settings Document Project Run Terminal "
    "Tabs Format Table Data Image Layer Select Filters Colors Playback Library Account Message Server Plugins Navigate "
    "Session History Debug Build Git Shapes Objects Diagram Journal Layout Arrange Draw Page Actions Database Entries"
).split()
MENU_ITEMS = """New|New Window|New Tab|New Folder|New File|Open|Open...|Open Recent|Open With|Save|Save As...|Save All|
Save a Copy...|Export...|Export as PDF|Import|Print...|Print Preview|Page Setup|Properties|Close|Close Tab|Close All|Quit|
Exit|Undo|Redo|Cut|Copy|Paste|Paste Special|Delete|Select All|Find...|Find Next|Find and Replace|Replace...|Go to Line...|
Preferences|Zoom In|Zoom Out|Normal Size|Full Screen|Fullscreen|Toolbar|Statusbar|Side Pane|Show Hidden Files|Sort by Name|
Reload|Refresh|Bold|Italic|Underline|Font...|Paragraph|Bullets|Columns|Insert Image|Insert Table|Hyperlink|Word Count|
Spelling|Contents|About|Keyboard Shortcuts|Report a Bug|Rename|Duplicate|Move to Trash|Extract Here|Compress|Rotate Left|
Rotate Right|Crop|Resize|Grid|Rulers|Snap to Grid|Add Bookmark|Manage Bookmarks|Next Page|Previous Page|First Page|
Last Page|Continuous|Dual Page|Best Fit|Fit Width|Line Numbers|Word Wrap|Highlight Current Line|Minimize|Maximize|
Always on Top|Always on Visible Workspace|Move|Resize|Detach Tab|Set Title...|Reset and Clear|Encoding|Language""".replace("\n", "").split("|")
BUTTONS = """OK|Cancel|Apply|Close|Save|Open|Yes|No|Delete|Add|Remove|Edit|Next|Back|Previous|Finish|Continue|Retry|Help|
Browse...|Reset|Send|Reply|Forward|Search|Submit|Sign in|Sign up|Log in|Log out|Register|Download|Upload|Install|Update|
Connect|Disconnect|Start|Stop|Pause|Play|Record|Share|Copy link|Add to cart|Buy now|Checkout|Subscribe|Follow|Create|
Clear|Accept|Decline|Discard|Replace|Skip|Refresh|Import|Export|Details|Learn more|Show more|Don't Save|Save changes|
New message|Compose|Archive|Mark as read|Write changes|Execute|Compare|Generate|Unlock|Change password|Add account""".replace("\n", "").split("|")
SETTINGS = """Remember me|Show hidden files|Enable notifications|Dark mode|Automatic updates|Check spelling while typing|
Use system font|Show line numbers|Highlight matching brackets|Confirm before deleting|Start minimized|Wi-Fi|Bluetooth|
Airplane mode|Night light|Do not disturb|Screen lock|Location services|Auto save|Create backup copy|Wrap text|Display tips|
Hide menu bar|Show toolbar|Open links in new tab|Restore previous session|Keep window on top|Play sound|Mute|Shuffle|
Repeat|Case sensitive|Whole words|Regular expression|Match entire word only|Insert spaces instead of tabs|
Automatic indentation|Show right margin|Enable plugins|Use proxy|Encrypt messages|Read only|Executable|I agree to the terms""".replace("\n", "").split("|")
PLACES = """Home|Desktop|Documents|Downloads|Music|Pictures|Videos|Trash|Recent|Starred|Network|Computer|File System|
Inbox|Sent|Drafts|Spam|Archive|All Mail|Important|General|Appearance|Display|Sound|Power|Keyboard|Mouse|Privacy|Users|
Accounts|Security|Storage|About|Advanced|Editor|Fonts & Colors|Plugins|Dashboard|Orders|Customers|Products|Reports|
Analytics|Billing|Profile|Notifications|Integrations|Team|Library|Playlists|Albums|Artists|Genres|Podcasts|Radio|Queue|
Favorites|Categories|Tags|Calendar|Contacts|Tasks|Notes|Structure|Schemas|Tables|Indexes|Views|Triggers""".replace("\n", "").split("|")
HEADERS = """Name|Size|Type|Modified|Date|Title|Artist|Album|Duration|Status|Amount|Balance|Category|From|Subject|Owner|
Price|Quantity|Total|Email|Phone|City|Country|Version|Description|Username|Password|URL|Notes|Key|Value|Default|Owner|Id""".replace("\n", "").split("|")
LABELS = """Name|First name|Last name|Email|E-mail address|Password|Confirm password|User name|Phone|Address|Street|City|
Country|Zip code|Company|Title|Subject|Message|Comment|Search|Host|Port|Server|Location|Folder|File name|Size|Width|
Height|Margin|Font|Color|Language|Region|Time zone|Date|Date of birth|Amount|Account|Category|Payee|Memo|Quality|Format""".replace("\n", "").split("|")
FILES = "txt pdf png jpg odt ods csv py md html zip tar.gz mp3 flac mp4 json xml sh conf log db kdbx svg".split()


@functools.cache
def dictionary() -> list[str]:
    """English words (Debian: wamerican), or a small list of our own where they are missing."""
    path = Path("/usr/share/dict/words")
    if path.exists():
        words = [w for w in path.read_text(encoding="utf-8").split() if w.isascii() and w.isalpha() and 2 < len(w) < 12]
        if words:
            return words
    return [word for phrase in MENU_ITEMS + BUTTONS + SETTINGS + PLACES for word in phrase.split() if word.isalpha()]


def word(rng: random.Random) -> str:
    """One dictionary word."""
    return rng.choice(dictionary())


def title(rng: random.Random, most: int = 3) -> str:
    """One to `most` words, in one of the usual capitalisations."""
    text = " ".join(word(rng) for _ in range(rng.randint(1, most)))
    return rng.choice([text, text.capitalize(), text.title(), text.lower(), text.title()])


def sentence(rng: random.Random, words: int = 9) -> str:
    """Running text."""
    return " ".join(word(rng) for _ in range(words)).lower().capitalize() + rng.choice([".", ".", "", ",", ":"])


def file_name(rng: random.Random) -> str:
    """A file with an extension."""
    stem = rng.choice([title(rng, 2), title(rng, 2).replace(" ", "_").lower(), title(rng, 2).replace(" ", "-"), word(rng)])
    return f"{stem}{rng.choice(['', '', rng.randint(1, 2026)])}.{rng.choice(FILES)}"


def number(rng: random.Random) -> str:
    """Dates, times, prices, sizes, counts, codes."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1998, 2027)
    return rng.choice(
        [
            f"{year}-{month:02}-{day:02}",
            f"{day}.{month}.{year}",
            f"{month}/{day}/{year % 100:02}",
            f"{rng.choice('Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split())} {day}",
            f"{day} {rng.choice('January February March April May June July August October November'.split())} {year}",
            f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
            f"{rng.randint(1, 12)}:{rng.randint(0, 59):02} {rng.choice(['AM', 'PM'])}",
            f"{rng.choice('$€£'[:1])}{rng.randint(1, 9999)}.{rng.randint(0, 99):02}",
            f"{rng.randint(1, 999)}.{rng.randint(0, 9)} {rng.choice(['KB', 'MB', 'GB', 'kB', 'bytes'])}",
            f"{rng.randint(0, 100)}%",
            f"{rng.randint(0, 99999)}",
            f"{rng.randint(1, 99)} {rng.choice(['items', 'files', 'messages', 'pages', 'px', 'pt', 'min'])}",
            f"{rng.randint(1, 12)}.{rng.randint(0, 20)}.{rng.randint(0, 30)}",
        ]
    )


def code(rng: random.Random) -> str:
    """Random characters: what cannot be guessed must be read."""
    alphabet = rng.choice([string.ascii_letters + string.digits, string.ascii_lowercase, string.printable[:94]])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(2, 10)))


def person(rng: random.Random) -> str:
    """A name or an e-mail address."""
    first, last = word(rng).capitalize(), word(rng).capitalize()
    return rng.choice([f"{first} {last}", f"{first.lower()}@{last.lower()}.org", f"{first.lower()}.{last.lower()}@mail.com"])


def phrase(rng: random.Random, role: str) -> str:
    """A text for an element of that role: a third from the usual words of programs, the rest endlessly varied."""
    usual = {
        "menu": MENUS,
        "menu item": MENU_ITEMS,
        "button": BUTTONS,
        "check box": SETTINGS,
        "radio button": SETTINGS + PLACES,
        "switch": SETTINGS,
        "sidebar": PLACES,
        "tab": PLACES + LABELS,
        "header": HEADERS,
        "label": LABELS,
        "link": BUTTONS + PLACES + MENU_ITEMS,
    }.get(role)
    chance = rng.random()
    if usual and chance < 0.5:
        return rng.choice(usual)
    if chance < 0.8:
        return title(rng, 3)
    if chance < 0.87:
        return code(rng)
    return rng.choice([number, file_name, person, title])(rng)


def cell(rng: random.Random, kind: str) -> str:
    """A text for a table column of that kind."""
    if kind == "file":
        return file_name(rng)
    if kind == "number":
        return number(rng)
    if kind == "person":
        return person(rng)
    return title(rng, 4)
