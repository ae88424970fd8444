"""From the nodes on the screen and the words in a scene file to the rows of desk.json."""

from __future__ import annotations

FIELDS = {"role", "name", "within", "text", "desc", "nth", "say", "icon", "grow", "css", "of"}


def matches(node: dict, target: dict) -> bool:
    """True where a node has the target's role, name or text, and stands inside a node named `within`."""
    if not node.get("visible") or ("role" in target and node["role"] != target["role"]):
        return False
    if "css" in target and node.get("css") != target["css"]:
        return False
    if "name" in target and node["name"].strip() != target["name"]:
        return False
    if "desc" in target and node["description"] != target["desc"]:
        return False
    if "text" in target and not node.get("text", "").startswith(target["text"]):
        return False
    return "within" not in target or any(target["within"] in step for step in node["trail"])


def select(nodes: list[dict], target: dict) -> tuple[dict | None, str]:
    """The one node a target means, and why not if there is none. `nth` (from 0, reading order) settles several."""
    unknown = set(target) - FIELDS
    if unknown:
        raise SystemExit(f"unknown field {sorted(unknown)} in {target} (choose from: {', '.join(sorted(FIELDS))})")
    found = {tuple(node["box"]): node for node in nodes if matches(node, target)}
    ordered = sorted(found.values(), key=lambda node: (node["box"][1], node["box"][0]))
    if not ordered:
        return None, "nothing visible matches"
    if len(ordered) > 1 and "nth" not in target:
        return None, f"{len(ordered)} nodes match: " + ", ".join(str(node["box"]) for node in ordered)
    if target.get("nth", 0) >= len(ordered):
        return None, f"only {len(ordered)} nodes match"
    node = ordered[target.get("nth", 0)]
    return (node, "") if node["enabled"] else (None, "it is disabled")


def rows(scene: dict, program: str, nodes: list[dict], size: tuple[int, int]) -> tuple[list[dict], list[str]]:
    """Rows for desk.json, and one sentence for each target that was left out."""
    made, left_out, said = [], [], set()
    for target in scene.get("target", []):
        node, why = select(nodes, target)
        if node is None:
            left_out.append(f"{scene['id']}: {target['say']!r}: {why}")
            continue
        if target["say"] in said:
            left_out.append(f"{scene['id']}: {target['say']!r}: the words are used twice")
            continue
        said.add(target["say"])
        grow = target.get("grow", [0, 0, 0, 0])  # pixels added left, top, right, bottom
        left, top = max(node["box"][0] - grow[0], 0), max(node["box"][1] - grow[1], 0)
        right = min(node["box"][0] + node["box"][2] + grow[2], size[0])
        bottom = min(node["box"][1] + node["box"][3] + grow[3], size[1])
        made.append(
            {
                "id": f"{scene['id']}-{len(made) + 1:02d}",
                "img_filename": f"{scene['id']}.png",
                "img_size": list(size),
                "bbox": [left, top, right - left, bottom - top],
                "instruction": target["say"],
                "data_type": "icon" if target.get("icon") else "text",
                "data_source": target.get("of", program),
            }
        )
    return made, left_out
