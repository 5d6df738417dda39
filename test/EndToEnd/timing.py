"""How long a call takes."""
import time


def measure(call, seconds=0.5):
    """Median time of a call in milliseconds, over about `seconds` and at least three calls."""
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2] * 1e3
