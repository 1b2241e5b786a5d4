"""python3 -m convert NAME SOURCE DEST: converts one packaged network. NAME is the model's folder under models/."""

import sys
from pathlib import Path

from . import CONVERTERS

if __name__ == "__main__":
    name, source, dest = sys.argv[1:]
    Path(dest).write_bytes(CONVERTERS[name](Path(source).read_bytes()))
