"""Every PARAMEDIC_A__B variable that deploy/ and the chart set is a key that some defaults.toml knows. Unknown keys stop a role at
start, so a typing error here would be an outage there.

    check_settings.py ROOT
"""

import re
import sys
import tomllib
from pathlib import Path

VARIABLE = re.compile(r"\bPARAMEDIC_((?:[A-Z0-9]+_)*[A-Z0-9]+__[A-Z0-9_]+)\b")


def known(root: Path) -> tuple[set[str], set[str]]:
    """(dotted keys, sections) of every defaults file. A part NAME (in the gateway's source.toml) stands for any name."""
    keys: set[str] = set()
    sections: set[str] = set()

    def walk(value: object, path: list[str]) -> None:
        keys.add(".".join(path))
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, [*path, name])

    files = [*(root / "services").glob("**/defaults.toml"), *(root / "services").glob("*/source.toml")]
    for path in sorted(files):
        for section, content in tomllib.loads(path.read_text()).items():
            sections.add(section)
            walk(content, [section])
    return keys, sections


def is_known(key: str, keys: set[str]) -> bool:
    parts = key.split(".")
    named = (".".join([*parts[:at], "NAME", *parts[at + 1 :]]) for at in range(len(parts)))
    return key in keys or any(name in keys for name in named)


def problems(root: Path) -> list[str]:
    keys, sections = known(root)
    found = []
    files = [root / "deploy/compose.yaml", root / "deploy/Dockerfile", *sorted((root / "charts/paramedic/golden").glob("*.yaml"))]
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for variable in VARIABLE.findall(line):
                key = variable.lower().replace("__", ".")
                if not is_known(key, keys):
                    why = "no such key" if key.split(".")[0] in sections else f"no defaults.toml has a section [{key.split('.')[0]}]"
                    found.append(f"{path.relative_to(root)}:{number}: PARAMEDIC_{variable} sets {key}: {why}")
    return found


def main() -> int:
    found = problems(Path(sys.argv[1]).resolve())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
