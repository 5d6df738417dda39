#!/usr/bin/env python3
"""Times torchc beside other compilers and runtimes, and prints a table of ratios.

    compare.py                                    all models, all peers that are installed, 1 thread
    compare.py resnet18 bert-base-128 --threads 2 --rounds 9
    compare.py kernels --peers eager,torchc       single operations
    compare.py --plot docs/performance.svg --save results.json

Every peer has a process of its own; rounds of all peers are interleaved and only one runs at a
time, so that a noisy moment meets all of them. A figure is the median over rounds of eager's time
by the peer's time of the same round: larger is faster. What a peer cannot compile is shown as such.
Install the peers with `pip install -r benchmarks/requirements.txt`.
"""
import argparse
import datetime
import json
import math
import platform
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from kernels import KERNELS
from peers import PEERS
from suite import MODELS

HERE = Path(__file__).resolve().parent
PACKAGES = {"eager": "torch", "inductor": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino",
            "iree": "iree-base-compiler", "torchc": None}


class Worker:
    """A peer with a model: `worker.py` in a process."""

    def __init__(self, peer, model, threads, log):
        self.peer = peer
        self.process = subprocess.Popen([sys.executable, HERE / "worker.py", peer, model, str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        self.ready = json.loads(line) if line else {"failure": f"died with exit status {self.process.wait()}"}

    def run(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def compare(model, names, threads, rounds, seconds, log):
    """The results of one model: peer -> {"ms", "ratio", "seconds", "error", "wrong"} or {"failure"}."""
    workers = [Worker(peer, model, threads, log) for peer in names]
    results = {worker.peer: worker.ready for worker in workers}
    running = [worker for worker in workers if "failure" not in worker.ready]
    times = {worker.peer: [] for worker in running}
    for worker in running:
        worker.run(seconds)  # Warms caches up; not counted.
    for _ in range(rounds):
        for worker in running:
            times[worker.peer].append(worker.run(seconds))
    for worker in running:
        worker.stop()
    for peer, values in times.items():
        results[peer]["ms"] = statistics.median(values)
        results[peer]["ratio"] = statistics.median(base / value for base, value in zip(times["eager"], values))
    return results


def format_row(model, results, names):
    cells = []
    for peer in names:
        result = results[peer]
        if "failure" in result:
            cells.append("failed")
        elif peer == "eager":
            cells.append(f"{result['ms']:.2f} ms")
        else:
            wrong = " (!)" if result["wrong"] else ""
            cells.append(f"{result['ratio']:.2f}{wrong}")
    rivals = [results[peer]["ratio"] for peer in names if peer != "torchc" and "ratio" in results[peer]]
    best = results["torchc"]["ratio"] / max(rivals) if "ratio" in results.get("torchc", {}) and rivals else math.nan
    return f"| {model} | " + " | ".join(cells) + f" | {best:.2f} |", best


def describe_machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "")
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    return f"{cpu} ({vectors})"


def version(peer):
    try:
        return f"{peer} {metadata.version(PACKAGES[peer])}" if PACKAGES[peer] else peer
    except metadata.PackageNotFoundError:
        return None


def plot(path, rows, names, threads):
    """A bar of each peer by model: eager's time over the peer's, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "torchc"  # the same names in each drawing: only what was measured differs
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(12, 5))
    width = 0.8 / len(names)
    for index, peer in enumerate(names):
        values = [results[peer].get("ratio", math.nan) for _, results in rows]
        axes.bar([x + index * width for x in range(len(rows))], values, width, label=peer)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(rows))], [model for model, _ in rows], rotation=30, ha="right")
    axes.set_yscale("log", base=2)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel(f"eager's time over the peer's, {threads} thread{'s' * (threads > 1)}")
    axes.legend(ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1))
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"`kernels` are {len(KERNELS)} single operations; by default: {', '.join(MODELS)}")
    parser.add_argument("--peers", default=",".join(PEERS), metavar="LIST", help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a peer runs in a round")
    parser.add_argument("--save", metavar="FILE", help="write all figures as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios (.svg, .png)")
    parser.add_argument("--log", metavar="FILE", default="/dev/null", help="what the peers print")
    arguments = parser.parse_args()
    models = list(KERNELS) if arguments.models == ["kernels"] else arguments.models or list(MODELS)
    if unknown := [name for name in models if name not in MODELS and name not in KERNELS]:
        parser.error(f"unknown models: {', '.join(unknown)}; there are: {', '.join([*MODELS, *KERNELS])}")
    asked = arguments.peers.split(",")
    if unknown := [name for name in asked if name not in PEERS]:
        parser.error(f"unknown peers: {', '.join(unknown)}; there are: {', '.join(PEERS)}")
    versions = {peer: version(peer) for peer in PEERS}
    names = [peer for peer in PEERS if peer == "eager" or (peer in asked and versions[peer])]
    for peer in asked:
        if not versions[peer]:
            print(f"{peer} is not installed and left out", file=sys.stderr)

    print(f"{describe_machine()}, {arguments.threads} thread{'s' * (arguments.threads > 1)}, "
          f"{datetime.date.today()}, {', '.join(versions[peer] for peer in names)}\n")
    print("| model | " + " | ".join(names) + " | torchc by the fastest |")
    print("|---" * (len(names) + 2) + "|", flush=True)
    rows, best, failures = [], [], []
    with open(arguments.log, "w") as log:
        for model in models:
            results = compare(model, names, arguments.threads, arguments.rounds, arguments.seconds, log)
            row, ratio = format_row(model, results, names)
            print(row, flush=True)
            rows.append((model, results))
            best += [ratio] if not math.isnan(ratio) else []
            failures += [f"{model}, {peer}: {result['failure']}" for peer, result in results.items() if "failure" in result]
    if best:
        print(f"\ntorchc by the fastest peer, geometric mean of {len(best)}: {statistics.geometric_mean(best):.2f}")
    for failure in failures:
        print(f"failed: {failure}")
    if arguments.save:
        Path(arguments.save).write_text(json.dumps(
            {"machine": describe_machine(), "threads": arguments.threads, "versions": versions,
             "date": str(datetime.date.today()), "models": dict(rows)}, indent=1))
    if arguments.plot:
        plot(arguments.plot, rows, names, arguments.threads)


if __name__ == "__main__":
    main()
