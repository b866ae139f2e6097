"""`python -m powerwatch.runtime COMMAND ...`, which is what `./dev COMMAND ...` runs."""

import sys
from collections.abc import Callable, Sequence

from . import commands, run
from .processes import RuntimeProblem

COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run.main,
    "test": commands.test,
    "check": commands.check,
    "bench": commands.bench,
    "manage": commands.manage,
    "python": commands.python,
}


def main(arguments: Sequence[str]) -> int:
    """Run the sub-command that the arguments name and return its exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: ./dev {'|'.join(COMMANDS)} ...", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except RuntimeProblem as problem:
        print(f"./dev {arguments[0]}: {problem}", file=sys.stderr)
        return 1
    except PermissionError as problem:
        print(
            f"./dev {arguments[0]}: {problem}\n"
            "Was it started by another user before? Start it as that one, or set "
            "POWERWATCH_STATE_DIR to a folder of your own.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
