"""check_profile.py DIRECTORY: checks what torchc-run measured there, and writes a damaged copy of m.vmfb."""
import json
import re
import sys
from pathlib import Path

directory = Path(sys.argv[1])
report = json.loads((directory / "all.json").read_text())
profile, stats = report["profile"], report["stats"]
assert set(report) == {"stats", "benchmark", "profile"}
assert report["benchmark"]["calls"] == profile["calls"] == 3
assert abs(sum(kernel["dispatches"] for kernel in profile["kernels"]) - stats["dispatches"]) < 1e-9
assert sum(row["ms"] for row in profile["ops"]) <= profile["ms_per_call"]
assert abs(sum(row["ms"] for row in profile["ops"]) - sum(row["ms"] for row in profile["kernels"])) < 1e-9
assert stats["output_bytes"] == 3 * 8 * 4 + 2 * 4
assert 0 < stats["live_bytes"] <= stats["slab_bytes"]

page = (directory / "r.html").read_text()
assert json.loads(re.search(r'id="profile">(.*?)</script>', page, re.S)[1])["kernels"] == profile["kernels"]
assert not re.search(r"(src|href)=|https?:|@import|url\(", page)

trace = json.loads((directory / "t.json").read_text())["traceEvents"]
groups = {lane: sum(e["args"]["workgroups"] for e in trace if e.get("cat") == lane) for lane in ("dispatch", "kernel")}
assert groups["dispatch"] == groups["kernel"] > 0, groups
assert {e["args"]["name"] for e in trace if e["name"] == "thread_name"} == {
    "calls and dispatches", "worker 0 (caller)", "worker 1"}

program = bytearray((directory / "m.vmfb").read_bytes())
place = program.index(b"aten.relu.default")
program[place] ^= 1
(directory / "damaged.vmfb").write_bytes(program)
