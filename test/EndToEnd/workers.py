"""Processes that answer questions, and may die of one."""
import collections
import json
import subprocess
import sys
import threading


class Worker:
    """A process that answers a line of JSON with another (`serve`); a new one takes over where it dies."""

    def __init__(self, command, timeout):
        self.command, self.timeout, self.process = command, timeout, None

    def ask(self, request):
        """(answer, ""), or (None, why there is none)."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, text=True)
        late = threading.Event()

        def stop():
            late.set()
            self.process.kill()

        watch = threading.Timer(self.timeout, stop)
        watch.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        watch.cancel()
        if line:
            return json.loads(line), ""
        code, self.process = self.process.wait(), None
        return None, f"no answer within {self.timeout} seconds" if late.is_set() else f"the process ended with {code}"

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def serve(answer):
    """A worker's side: answers each line of stdin."""
    # Compilers and tests print too; the answers have a stream of their own.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def ask_all(command, requests, jobs, timeout, handle):
    """Calls `handle(worker, request)` for each request, from `jobs` threads with a worker each."""
    waiting = collections.deque(requests)

    def feed():
        worker = Worker(command, timeout)
        while waiting:
            try:
                request = waiting.popleft()
            except IndexError:
                break
            handle(worker, request)
        worker.close()

    threads = [threading.Thread(target=feed) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
