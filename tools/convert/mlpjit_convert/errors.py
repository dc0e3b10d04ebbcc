"""What a user did or gave that cannot be converted; shown without a traceback."""


class ConvertError(Exception):
    """A fault of the input or of the command line. The command ends with status 2."""


class NameFault(ConvertError):
    """Names of weights that do not do, renamed or not."""


class VerifyError(Exception):
    """The converted model does not compute what its trainer does. The command ends with status 1."""


def listed(names, most: int = 8) -> str:
    """Names in one line, the first few of many."""
    names = [str(name) for name in names]
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return ", ".join(names)
