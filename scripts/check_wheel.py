"""Build the wheel and look into it: the package, all of it, and nothing else.

Needs no network: the build uses the setuptools that is installed. Exits with 1 and says what is
wrong.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def build(into: Path) -> Path:
    """The wheel's path. Built from a copy: a build leaves a folder behind that would smuggle
    files into the next one."""
    tree = into / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(into), str(tree)),
        ],
        check=True,
    )
    (wheel,) = into.glob("*.whl")
    return wheel


def problems(names: set[str]) -> list[str]:
    """What is wrong with a wheel that holds files of these names."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = config["tool"]["setuptools"]["packages"]
    wrong = []
    expected: set[str] = set()
    for package in packages:
        folder = ROOT.joinpath(*package.split(".")[1:])
        expected |= {f"{package.replace('.', '/')}/{source.name}" for source in folder.glob("*.py")}
    expected |= set(_declared_data(config))
    inside = {name for name in names if ".dist-info/" not in name}
    wrong += [f"missing: {name}" for name in sorted(expected - inside)]
    wrong += [f"stray: {name}" for name in sorted(inside - expected)]
    rooms = {
        ".".join(("parley", *init.parent.relative_to(ROOT).parts))
        for init in ROOT.glob("[a-z]*/**/__init__.py")
        if init.relative_to(ROOT).parts[0] not in ("tests", "build")
    }
    wrong += [f"not packaged: {room}" for room in sorted(rooms - set(packages))]
    return wrong


def _declared_data(config: dict[str, Any]) -> Iterator[str]:
    """What is no module and belongs in the wheel, as it lies here."""
    for package, patterns in config["tool"]["setuptools"]["package-data"].items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        for pattern in patterns:
            for path in folder.glob(pattern):
                yield f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            wrong = problems(set(archive.namelist()))
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{wheel.name}: {'wrong' if wrong else 'as it should be'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
