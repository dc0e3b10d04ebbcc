"""The end of every conversion: names checked, the files verified in memory, then written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, List, Optional

import numpy as np

from . import library as libmlpjit
from .conversion import Conversion
from .files import encode, write
from .verify import ROWS, verify
from .weights import Names, Row, format_table

SEED = 20240229  # of random rows


@dataclass
class Report:
    """What was done."""

    symbol_file: Path
    parameter_file: Path
    table: List[Row]
    difference: Optional[float]  # the largest, of max(1, |value|); None: not verified
    tolerance: float
    rows: str = ""
    notes: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [format_table(self.table)] if self.table else []
        lines += [f"note: {note}" for note in self.notes]
        if self.difference is None:
            lines.append(f"not verified{': ' + self.rows if self.rows else ''}")
        else:
            lines.append(
                f"verified on {self.rows}: largest difference {self.difference:.3g} of "
                f"max(1, |value|), allowed {self.tolerance:g}"
            )
        lines.append(f"wrote {self.symbol_file} and {self.parameter_file}")
        return "\n".join(lines)


def _count(conversion: Conversion, rows: Any) -> int:
    return len(next(iter(conversion.trained.feed(rows).values())))


def finish(
    conversion: Conversion,
    names: Names,
    name: str,
    rows: Any,
    *,
    verify: bool = True,
    tolerance: Optional[float] = None,
    library: Optional[str] = None,
) -> Report:
    """Verifies, and writes `name`-symbol.json and `name`-0000.params."""
    names.check()
    if tolerance is not None:
        conversion.tolerance = tolerance
    symbol, parameters = encode(conversion.graph)
    difference, described = None, ""
    if verify:
        opened = libmlpjit.find(library)
        difference, described = _verified(opened, conversion, rows, symbol, parameters)
    symbol_file, parameter_file = write(name, symbol, parameters)
    notes, table = conversion.notes, conversion.table
    return Report(
        symbol_file, parameter_file, table, difference, conversion.tolerance, described, notes
    )


def _verified(opened, conversion: Conversion, rows: Any, symbol: bytes, parameters: bytes):
    """The largest difference, and the rows it was found on."""
    if conversion.trained is None:  # nobody to compare with: that it loads is all
        libmlpjit.Model(opened, symbol, parameters).__exit__()
        return None, "there are weights without their trainer's module to compare with"
    described = "of the sample"
    if rows is None:
        rows = conversion.trained.draw(np.random.default_rng(SEED), ROWS)
        described = "drawn at random"
    difference = verify(opened, conversion, rows, symbol, parameters)
    return difference, f"{_count(conversion, rows)} rows {described}, compiled and interpreted"
