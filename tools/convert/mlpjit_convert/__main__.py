"""python3 -m mlpjit_convert"""

import sys

try:
    from .command import main
except ImportError as error:
    print(f"mlpjit-convert: {error}: it takes numpy, for the same Python", file=sys.stderr)
    sys.exit(2)

sys.exit(main())
