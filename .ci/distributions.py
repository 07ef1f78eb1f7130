"""Compare wheel and sdist with what they were built of: ``python .ci/distributions.py SOURCE DIST REBUILT``.

``SOURCE`` is a copy of the repository from before the build. The wheel in ``DIST`` holds every file of its package,
data included, and nothing else; the sdist holds the package and all that tests, documentation and benchmarks need. The
wheel in ``REBUILT``, built of the repository where the other was built of the sdist, is the same byte for byte.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE = "rocoin_opt/"
FOLDERS = (PACKAGE, "tests/", "docs/", "instances/", "benchmarks/")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff")
BESIDE = (*PAGES, "constraints.txt", "pyproject.toml", ".gitignore")


def main(source: Path, dist: Path, rebuilt: Path) -> None:
    """End with a message where something is missing, too much or different."""
    (wheel,), (sdist,), (again,) = dist.glob("*.whl"), dist.glob("*.tar.gz"), rebuilt.glob("*.whl")
    given = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    _require_same(wheel.name, {name for name in given if name.startswith(PACKAGE)}, packed)
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()} - {"PKG-INFO"}
    _require_same(sdist.name, {name for name in given if name.startswith(FOLDERS) or name in BESIDE}, held)
    if again.read_bytes() != wheel.read_bytes():
        sys.exit(f"{wheel.name} of the sdist is not the one of the repository")
    data = sum(not name.endswith(".py") for name in packed)
    print(f"{wheel.name}: {len(packed)} files, {data} of them data; {sdist.name}: {len(held)} files")


def _require_same(name: str, wanted: set[str], found: set[str]) -> None:
    if wanted != found:
        sys.exit(f"{name} lacks {sorted(wanted - found)} and should not hold {sorted(found - wanted)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
