"""What the compose schema cannot see: mounted files exist, names resolve, every role runs, every service is checked for health.

    check_compose.py compose.yaml      (needs PyYAML: run it with .tools/venv's Python)
"""

import re
import sys
from pathlib import Path

import yaml

ROLES = {"gateway", "analysis", "planner", "executor", "approval", "notifier", "console"}


def problems(path: Path) -> list[str]:
    document = yaml.safe_load(path.read_text())
    services = document["services"]
    found = [f"role {role} has no service" for role in sorted(ROLES - services.keys())]
    for name, service in services.items():
        if "healthcheck" not in service:
            found.append(f"service {name} has no healthcheck")
        if service.get("image", "").endswith(":latest") or ":" not in service.get("image", ""):
            found.append(f"service {name}: pin the image's tag")
        found += [f"service {name} depends on {other}, which is not there" for other in service.get("depends_on", {}) if other not in services]
        for mount in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0]
            if source.startswith("."):
                if not (path.parent / source).exists():
                    found.append(f"service {name} mounts {source}, which is not there")
            elif source not in document.get("volumes", {}):
                found.append(f"service {name} mounts the volume {source}, which is not declared")
        for host in re.findall(r"(?:http|nats|smtp)://([a-z]+):", " ".join(map(str, service.get("environment", {}).values()))):
            if host not in services and host != "localhost":
                found.append(f"service {name} calls {host}, which is not there")
        for kind in ("secrets", "configs"):
            for entry in service.get(kind, []):
                source = entry if isinstance(entry, str) else entry["source"]
                if source not in document.get(kind, {}):
                    found.append(f"service {name} uses {kind} {source}, which is not declared")
    return found


def main() -> int:
    found = problems(Path(sys.argv[1]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
