"""``./dev bench [NAME ...]``: run the benchmarks and print one JSON object a line.

Each benchmark is a module of this folder with ``run()``, a generator of dicts
``name, value, unit, ratio, against``; the last two are null where there is no reference. Progress
goes to standard error.
"""

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator

import django

import bench

KEYS = ("name", "value", "unit", "ratio", "against")


def get_names() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(bench.__path__)
        if not module.name.startswith("_")
    )


def run(names: list[str]) -> Iterator[dict[str, object]]:
    """Run the named benchmarks in order and yield their figures, keys complete."""
    for name in names:
        print(f"bench {name}", file=sys.stderr, flush=True)
        for figure in importlib.import_module(f"bench.{name}").run():
            yield {key: figure.get(key) for key in KEYS}


def main() -> int:
    known = get_names()
    wanted = sys.argv[1:] or known
    if unknown := [name for name in wanted if name not in known]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powerwatch.settings")
    django.setup()
    for figure in run(wanted):
        print(json.dumps(figure, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
