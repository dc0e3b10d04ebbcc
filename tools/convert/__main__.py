"""python3 tools/convert INPUT -o NAME"""

import sys

from mlpjit_convert.command import main

sys.exit(main())
