"""What `guiground models` shows: the catalogue, and what of it is on this machine."""

from dataclasses import asdict, dataclass

from guiground.models.catalogue import entries
from guiground.models.folder import cached


@dataclass(frozen=True, slots=True)
class Row:
    """One checkpoint: space is the unit of its coordinates, local whether its files are here, verified whether its
    prompt was compared with the original."""

    name: str
    title: str
    repo_id: str
    family: str
    parameters: str
    licence: str
    space: str
    local: bool
    verified: bool

    def to_json(self) -> dict:
        return asdict(self)


def listing() -> list[Row]:
    """One row a checkpoint of the catalogue, the embedded one first; loads no model library."""
    rows = []
    for entry in entries().values():
        weights = entry.folder / "model.safetensors" if entry.folder else None
        local = weights.is_file() if weights else cached(entry.spec.repo_id) is not None
        facts = (entry.name, entry.title, entry.spec.repo_id, entry.family, entry.parameters, entry.licence)
        rows.append(Row(*facts, entry.spec.space, local, entry.verified))
    return rows
