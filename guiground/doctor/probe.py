"""A small window of four colours that tells where it is and where it was clicked: python -m guiground.doctor.probe X Y.

Lines of JSON on standard output: {"area": [x, y, width, height]}, then {"clicked": [x, y]} for each click. It goes when
its standard input is closed, at the latest after half a minute.
"""

import json
import sys
import threading

SIDE = 160  # desktop units
COLOURS = (
    (200, 30, 60),
    (50, 160, 60),
    (50, 80, 200),
    (240, 210, 30),
)  # upper left and right, lower left and right
LIFETIME_SECONDS = 30


def main(x: int, y: int) -> None:
    import tkinter

    if sys.platform == "win32":
        import ctypes

        ctypes.windll.shcore.SetProcessDpiAwareness(2)  # so that its units are those of the desktop
    window = tkinter.Tk()
    window.overrideredirect(True)
    window.attributes("-topmost", True)
    window.geometry(f"{SIDE}x{SIDE}+{x}+{y}")
    canvas = tkinter.Canvas(window, width=SIDE, height=SIDE, highlightthickness=0)
    canvas.pack()
    half = SIDE // 2
    for number, colour in enumerate(COLOURS):
        left, top = half * (number % 2), half * (number // 2)
        fill = "#{:02x}{:02x}{:02x}".format(*colour)
        canvas.create_rectangle(left, top, left + half, top + half, fill=fill, width=0)
    canvas.bind("<Button-1>", lambda event: _tell(clicked=[event.x_root, event.y_root]))
    window.update()
    _tell(area=[window.winfo_rootx(), window.winfo_rooty(), window.winfo_width(), window.winfo_height()])
    closed = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()

    def leave_when_closed() -> None:
        window.destroy() if closed.is_set() else window.after(50, leave_when_closed)

    window.after(LIFETIME_SECONDS * 1000, closed.set)
    leave_when_closed()
    window.mainloop()


def _tell(**facts: list[int]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
