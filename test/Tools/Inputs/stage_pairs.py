"""stage_pairs.py MODEL FOLDER: takes a model from every stage to every later one, through text and
bytecode, files and pipes; the way makes no difference to what comes out."""
import pathlib
import subprocess
import sys

model, folder = sys.argv[1], pathlib.Path(sys.argv[2])
stages = ["import", "normalize", "decompose", "lower", "dispatch", "codegen", "object", "package"]


def compile_to(stage, source, *options, stdin=None):
    command = ["torchc-compile", str(source), f"--emit={stage}", *options]
    return subprocess.run(command, input=stdin, check=True, stdout=subprocess.PIPE).stdout


ways = 0
direct = {stage: compile_to(stage, model, "-o", "-") for stage in stages}
for i, first in enumerate(stages[:-1]):
    compile_to(first, model, "-o", folder / "m.mlir")
    compile_to(first, model, "-o", folder / "m.mlirbc", "--emit-bytecode")
    piped = compile_to(first, model, "-o", "-", "--emit-bytecode")
    for last in stages[i + 1:]:
        results = {
            "bytecode file": compile_to(last, folder / "m.mlirbc", "-o", "-"),
            "bytecode pipe": compile_to(last, "-", "-o", "-", stdin=piped),
        }
        # Text leaves out where ops come from, which only the package has.
        if last != "package":
            results["text file"] = compile_to(last, folder / "m.mlir", "-o", "-")
            results["text pipe"] = compile_to(last, "-", "-o", "-", stdin=direct[first])
        for way, result in results.items():
            ways += 1
            if result != direct[last]:
                sys.exit(f"{first} to {last} by {way} gives something else than {last} at once")
print(ways, "ways, all the same")
