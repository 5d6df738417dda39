"""Lays out the record of an installed package beside the one in the build folder, from pyproject.toml."""
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    import pip._vendor.tomli as tomllib


def main():
    project = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())["project"]
    folder = Path(sys.argv[1]) / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
    (folder / "entry_points.txt").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
