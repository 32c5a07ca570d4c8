"""The table of values in the chart's README, made from the `# --` comments of values.yaml."""

import json
import re

import yaml

BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


def described(text: str) -> list[tuple[str, str]]:
    """(dotted key, description) of every key under a `# --` comment, in order; more comment lines continue it."""
    rows, path, description = [], [], ""
    for line in text.splitlines():
        comment = re.match(r" *# (-- )?(.*)", line)
        key = re.match(r"( *)([A-Za-z0-9]+):", line)
        if comment and comment[1]:
            description = comment[2]
        elif comment and description:
            description += " " + comment[2]
        elif key:
            path = path[: len(key[1]) // 2] + [key[2]]
            if description:
                rows.append((".".join(path), description))
            description = ""
    return rows


def undescribed(text: str) -> list[str]:
    """Keys that no row explains, themselves or above; a role's settings are explained once, at the gateway's."""
    known = [key for key, _ in described(text)]
    missing = []

    def walk(value: object, path: list[str]) -> None:
        key = ".".join(path)
        if key in known or (len(path) == 3 and path[0] == "roles" and f"roles.gateway.{path[2]}" in known):
            return
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(inner, [*path, name])
        else:
            missing.append(key)

    walk(yaml.safe_load(text), [])
    return missing


def table(text: str) -> str:
    values = yaml.safe_load(text)
    lines = [BEGIN, "| value | default | meaning |", "|---|---|---|"]
    for key, description in described(text):
        default = values
        for name in key.split("."):
            default = default[name]
        lines.append(f"| `{key}` | `{json.dumps(default)}` | {description} |")
    return "\n".join([*lines, END])


def with_table(readme: str, values: str) -> str:
    """The README with its table made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + table(values) + after
