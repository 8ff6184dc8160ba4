"""Lets the contract suites import what they are tried on, which lies beside them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
