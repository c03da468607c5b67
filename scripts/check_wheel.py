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
from pathlib import Path

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
    expected.add("parley/py.typed")
    inside = {name for name in names if ".dist-info/" not in name}
    wrong += [f"missing: {name}" for name in sorted(expected - inside)]
    stray = {name for name in inside - expected if not _is_declared_data(name, config)}
    wrong += [f"stray: {name}" for name in sorted(stray)]
    rooms = {
        ".".join(("parley", *init.parent.relative_to(ROOT).parts))
        for init in ROOT.glob("[a-z]*/**/__init__.py")
        if init.relative_to(ROOT).parts[0] not in ("tests", "build")
    }
    wrong += [f"not packaged: {room}" for room in sorted(rooms - set(packages))]
    return wrong


def _is_declared_data(name: str, config: dict[str, object]) -> bool:
    tool = config["tool"]
    assert isinstance(tool, dict)
    declared = tool["setuptools"].get("package-data", {})
    path = Path(name)
    return any(
        path.match(f"{package.replace('.', '/')}/{pattern}")
        for package, patterns in declared.items()
        for pattern in patterns
    )


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
