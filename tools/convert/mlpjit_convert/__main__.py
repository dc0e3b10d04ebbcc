"""python3 -m mlpjit_convert"""

import sys

from .command import main

sys.exit(main())
