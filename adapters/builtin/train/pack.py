"""Packs weights for the program: pack.py weights.bin weights.bin.gz, as embedded.go unpacks them."""

import gzip
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
with open(sys.argv[2], "wb") as file:
    file.write(gzip.compress(data[0::2] + data[1::2], 9, mtime=0))
