"""Writes the object of the first executable of the IR on standard input to standard output."""
import re
import sys

# The resource begins with its alignment.
sys.stdout.buffer.write(bytes.fromhex(re.search(r'"0x40000000(7F454C46\w+)"', sys.stdin.read()).group(1)))
