"""``python -m visionstudio``, and what torchrun starts."""

import sys

from visionstudio.app.main import main

sys.exit(main())
