"""Keys as plain files, `<name>.key`, mode 0400: for a machine whose disk is trusted, or that mounts them from elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from crossing.key_files import destroy_key_file, read_key_file, write_key_file
from key_custody.known_keys import check_unknown
from key_custody.names import checked

ENDING = ".key"


@dataclass(frozen=True, slots=True)
class PlainFiles:
    folder: Path
    backend: str = "file"

    def secret(self, name: str, *, expected_bytes: int) -> bytes:
        data = read_key_file(self._path(name), expected_bytes=expected_bytes)
        check_unknown(name, data)
        return data

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(ENDING) for path in self.folder.glob(f"*{ENDING}"))

    def write(self, name: str, data: bytes) -> None:
        check_unknown(name, data)
        write_key_file(self._path(name), data)

    def destroy(self, name: str) -> None:
        destroy_key_file(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{checked(name)}{ENDING}"
