"""python3 tools/convert INPUT -o NAME"""

import sys

try:
    from mlpjit_convert.command import main
except ImportError as error:
    print(f"mlpjit-convert: {error}: it takes numpy, for the same Python", file=sys.stderr)
    sys.exit(2)

sys.exit(main())
