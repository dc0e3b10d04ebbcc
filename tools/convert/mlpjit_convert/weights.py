"""Names of weights: what the trainer calls them, what they are called here, and the table of it."""

import difflib
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Sequence, Tuple

from .errors import ConvertError, listed

NORM_ROLES = {"weight": "gamma", "bias": "beta"}


@dataclass
class Row:
    """A line of the table."""

    trainer: str
    trainer_shape: Sequence[int]
    name: str = ""
    shape: Sequence[int] = ()
    what: str = ""


class Names:
    """Renames as the user says. A pattern with any of ^ $ \\ ( ) [ ] { } | + is a regular expression,
    replaced wherever it is found; one with * or ? a glob of the whole name; any other is a name or
    its leading parts."""

    def __init__(self, renames: Iterable[str] = ()):
        self._rules: List[Tuple[str, "re.Pattern[str]", str]] = []
        for rule in renames:
            pattern, equals, replacement = rule.partition("=")
            if not equals or not pattern:
                raise ConvertError(f"--rename {rule}: expected PATTERN=REPLACEMENT")
            if re.search(r"[\\^$()\[\]{}|+]", pattern):
                expression = pattern
            elif re.search(r"[*?]", pattern):
                expression, replacement = _glob(pattern, replacement)
            else:
                expression = "^" + re.escape(pattern) + r"(?=\.|$)"
                replacement = replacement.replace("\\", r"\\")
            try:
                self._rules.append((rule, re.compile(expression), replacement))
            except re.error as error:
                raise ConvertError(f"--rename {rule}: {error}") from None
        self._used: Dict[str, bool] = {rule: False for rule, _, _ in self._rules}
        self._seen: List[str] = []

    def __call__(self, name: str) -> str:
        self._seen.append(name)
        for rule, pattern, replacement in self._rules:
            try:
                name, count = pattern.subn(replacement, name)
            except (re.error, IndexError) as error:
                raise ConvertError(f"--rename {rule}: {error}") from None
            self._used[rule] = self._used[rule] or count > 0
        if not name:
            raise ConvertError(f"--rename leaves nothing of the name '{self._seen[-1]}'")
        return name

    def check(self) -> None:
        """After the last name: every rule must have matched one."""
        unused = [rule for rule, used in self._used.items() if not used]
        if unused:
            raise ConvertError(
                f"--rename {listed(unused)}: matches no name; there are {listed(self._seen)}"
            )


def _glob(pattern: str, replacement: str) -> Tuple[str, str]:
    """Each * and ? is a group, which the *s and ?s of the replacement stand for, in order."""
    expression = "".join(
        "(.*)" if c == "*" else "(.)" if c == "?" else re.escape(c) for c in pattern
    )
    groups = iter(range(1, 1 + len(re.findall(r"[*?]", pattern))))
    put = lambda match: f"\\g<{next(groups, 0)}>"
    return "^" + expression + "$", re.sub(r"[*?]", put, replacement.replace("\\", r"\\"))


def near(name: str, names: Iterable[str]) -> str:
    """Names that are near, in brackets, where there are some."""
    known = {other.lower(): other for other in names}
    found = difflib.get_close_matches(name.lower(), list(known), 3, 0.6)
    return f" (near: {', '.join(known[other] for other in found)})" if found else ""


def format_table(rows: Sequence[Row]) -> str:
    """trainer's name, shape -> ours, shape, what was done."""
    size = lambda shape: "[" + ", ".join(str(s) for s in shape) + "]"
    cells = [("trainer", "", "mlpjit", "", "")]
    for row in rows:
        shape = size(row.shape) if row.name else ""
        cells.append((row.trainer, size(row.trainer_shape), row.name, shape, row.what))
    widths = [max(len(cell[i]) for cell in cells) for i in range(5)]
    lines = []
    for i, cell in enumerate(cells):
        arrow = "  " if not cell[2] else "->"
        left = f"{cell[0]:<{widths[0]}}  {cell[1]:<{widths[1]}}  {arrow}  "
        lines.append((left + f"{cell[2]:<{widths[2]}}  {cell[3]:<{widths[3]}}  {cell[4]}").rstrip())
        if i == 0:
            lines[0] = lines[0].replace("->", "  ", 1)
    return "\n".join(lines)
