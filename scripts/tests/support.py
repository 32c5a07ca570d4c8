"""Helpers of the script tests: load a script without a .py ending, write a small workspace."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent


def load(name: str):
    """The script `scripts/<name>` as a module."""
    sys.dont_write_bytecode = True
    module_name = name.replace("-", "_").removesuffix(".py").replace("/", "_")
    loader = importlib.machinery.SourceFileLoader(module_name, str(SCRIPTS / name))
    spec = importlib.util.spec_from_loader(module_name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def write(root: Path, files: dict[str, str]) -> None:
    """Write every path -> text below root."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def crate(name: str, dependencies: tuple[str, ...] = (), dev: tuple[str, ...] = ()) -> str:
    """A manifest with arrows to other crates of the workspace."""
    lines = [f'[package]\nname = "paramedic-{name}"\n[dependencies]']
    lines += [f"paramedic-{other}.workspace = true" for other in dependencies]
    lines += ["[dev-dependencies]"] + [f"paramedic-{other}.workspace = true" for other in dev]
    return "\n".join(lines) + "\n"
