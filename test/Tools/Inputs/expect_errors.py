"""expect_errors.py CODE COMMAND... -- FILE...: runs `COMMAND... FILE` for each file; each run ends
with the exit code and says why in one line."""
import subprocess
import sys

at = sys.argv.index("--")
code, command, files = int(sys.argv[1]), sys.argv[2:at], sys.argv[at + 1:]
failures = 0
for file in files:
    run = subprocess.run([part.replace("FILE", file) for part in command], capture_output=True, text=True,
                         errors="replace", timeout=60)
    lines = run.stderr.splitlines()
    if run.returncode != code or run.stdout or not any("error: " in line for line in lines) or len(lines) > 3:
        print(f"{file}: exit code {run.returncode}, expected {code}\n{run.stdout}{run.stderr}")
        failures += 1
print(f"{len(files)} files, {failures} failures")
sys.exit(failures != 0 or not files)
