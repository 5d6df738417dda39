"""`python -m torchc compile model.pt2 -o model.vmfb`: the tools, as torchc-compile and the others are."""
import os
import shutil
import signal
import sys

_TOOLS = ("compile", "run", "opt", "dump", "as")


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in _TOOLS:
        is_help = sys.argv[1:2] in (["-h"], ["--help"])
        print(f"usage: python -m torchc {{{','.join(_TOOLS)}}} ...\n"
              "Runs torchc-compile, torchc-run, ...; each has its own --help.", file=sys.stdout if is_help else sys.stderr)
        return 0 if is_help else 2
    name = f"torchc-{sys.argv[1]}"
    if name in ("torchc-compile", "torchc-opt"):
        from torchc import _compiler

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would wait until the tool returns.
        return _compiler.run_tool([name, *sys.argv[2:]])
    package = os.path.dirname(os.path.abspath(__file__))
    # An installed package has its tools inside; in a build folder they are where the build leaves them.
    for folder in (os.path.join(package, "bin"), os.path.join(package, "..", "..", "bin")):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            break
    else:
        path = shutil.which(name)
    if path is None:
        print(f"python -m torchc: {name} is neither part of this package nor on the PATH", file=sys.stderr)
        return 2
    os.execv(path, [name, *sys.argv[2:]])


if __name__ == "__main__":
    sys.exit(main())
