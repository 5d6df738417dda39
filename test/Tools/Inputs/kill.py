"""kill.py TIMES OUTPUT COMMAND...: runs the command and kills it at random instants. The output is
then what it was before, or what a whole run writes."""
import os
import pathlib
import random
import subprocess
import sys
import time

times, output, command = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
random.seed(0)
begin = time.perf_counter()
subprocess.run(command, check=True)
seconds, whole = time.perf_counter() - begin, output.read_bytes()
found = {"absent": 0, "earlier": 0, "whole": 0}
for i in range(times):
    earlier = b"earlier" if i % 2 else None
    output.unlink(missing_ok=True)
    if earlier:
        output.write_bytes(earlier)
    # The later the instant, the closer to the writing of the output.
    process = subprocess.Popen(command, start_new_session=True)
    time.sleep(seconds * random.random() ** 0.5 * 1.1)
    process.kill()
    process.wait()
    now = output.read_bytes() if output.exists() else None
    if now not in (earlier, whole):
        sys.exit(f"run {i} left {len(now or b'')} bytes of {len(whole)}")
    found["whole" if now == whole else "earlier" if now else "absent"] += 1
print(f"{times} runs killed:", ", ".join(f"{count} {name}" for name, count in found.items()))
