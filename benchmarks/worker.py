#!/usr/bin/env python3
"""One model in one peer, in a process of its own: `compare.py` starts it and tells it when to run.

    worker.py PEER MODEL THREADS

Writes a line of JSON when it is ready, with the seconds that preparing took and the error against
PyTorch; then, for every line "SECONDS" that it reads, runs for about so long and writes the
median milliseconds of a call. Nothing runs between two lines.
"""
import json
import os
import sys
import tempfile
import time


def main():
    peer, name, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a peer prints is no answer.

    import torch

    import peers
    import suite
    from timing import measure

    model, inputs = suite.build(name)
    with tempfile.TemporaryDirectory() as directory, torch.no_grad():
        torch.set_num_threads(threads)
        expected = model(*inputs)
        begin = time.perf_counter()
        try:
            call = peers.PEERS[peer](model, inputs, threads, directory)
            result = torch.as_tensor(call())
            error = ((result - expected).abs().max() / expected.abs().max()).item()
            formats = {expected.dtype} | {value.dtype for value in model.state_dict().values() if value.is_floating_point()}
            tolerance = max(1e-3, 4 * max(torch.finfo(dtype).eps for dtype in formats))
            ready = {"seconds": time.perf_counter() - begin, "error": error, "wrong": not error <= tolerance}
        except Exception as failure:  # Whatever a peer raises is its answer.
            lines = str(failure).strip().splitlines() or [""]
            reason = next((line for line in lines if "error: " in line), lines[0])
            ready = {"failure": f"{type(failure).__name__}: {reason}"}
        print(json.dumps(ready), file=answers, flush=True)
        if "failure" in ready:
            return
        for line in sys.stdin:
            print(measure(call, float(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
