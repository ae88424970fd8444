from guiground import Locator
from guiground.action import Action, perform
from guiground.screen import View


def export(names: list[str], window: str = "Editor") -> list[str]:
    """Exports the open document under each name; returns the names that went through."""
    done, view = [], View(window=window)
    with Locator(min_confidence=0.2) as locator:
        for name in names:
            if not locator.click("the Export button", view).found:
                break  # nothing is clicked that is not there
            dialog = locator.wait_for("the file name field", timeout=10)
            if not dialog:
                break  # no dialog came
            perform(Action("type", dialog.result.point, text=name))
            perform(Action("press", keys=("enter",)))
            if locator.wait_for("the file name field", gone=True, timeout=10):
                done.append(name)
    return done
