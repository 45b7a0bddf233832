"""`${NAME}` and `${NAME:-default}` in the texts of a settings file."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """The text with its variables replaced, and (what, mend) for each that could not be.

    As in a shell, `:-` gives the value of a variable that is unset or empty. `$${` stands for `${`
    itself. What a variable holds is not looked at again, so a value with `${` in it stays as it is.
    """
    problems: list[tuple[str, str]] = []

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match[0] == "$${":
            return "${"
        if name is None:
            problems.append(
                ("`${` is not followed by a name and `}`", "write ${NAME}, ${NAME:-default}, or $${ for a plain ${")
            )
            return ""
        value = environ.get(name)
        if value is None and default is None:
            problems.append(
                (f"the environment variable {name} is not set", f"set {name}, or write ${{{name}:-default}}")
            )
        return (value or default) if default is not None else (value or "")

    return _REFERENCE.sub(replace, text), problems
