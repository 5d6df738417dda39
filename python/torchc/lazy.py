"""PyTorch's lazy tensors, computed by torchc.

    torchc.lazy.init()
    model, x = model.to("lazy"), x.to("lazy")
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    torchc.lazy.mark_step()

Operators on tensors of the device "lazy" are recorded; `mark_step`, or a look at a value, has torchc compile and run what was
recorded. The same graph is compiled once.
"""
import logging

import torch
import torch._lazy

from torchc import cache
from torchc.compiler import Module, describe_inputs
from torchc.errors import TorchcError

_logger = logging.getLogger("torchc")
_options = {}


def init(*, target_cpu="host", threads=None):
    """Makes torchc what computes tensors of the device "lazy", for the rest of the process.

    target_cpu: as for `torchc.compile`.
    threads: threads that run one graph; PyTorch's own number by default.
    What torchc does not compile, and graphs that draw random numbers, run in PyTorch, and a line says so. Raises
    ImportError where PyTorch is of another release than the one that torchc was built with.
    """
    from torchc import _lazy

    if not _options:
        _lazy.register_backend(_Graph)
    _options.update(target_cpu=target_cpu, threads=threads)


def mark_step(device="", *, wait=False):
    """Has all that was recorded computed. With `wait`, returns when it is."""
    torch._lazy.mark_step(device, wait=wait)


class _Graph:
    """A recorded graph, an archive of TorchScript, and its programs by the types of inputs; without an archive, the name of
    the operator that draws random numbers."""

    def __init__(self, archive, random):
        self._archive = archive
        self._programs = {}
        self._reason = f"it draws random numbers ({random})" if random else None
        if random:
            self._say()

    def __call__(self, inputs):
        """The results, or None where PyTorch has to compute them."""
        if self._reason:
            return None
        key = tuple(describe_inputs(inputs))
        if key not in self._programs:
            try:
                self._programs[key] = self._compile(list(key))
            except TorchcError as error:
                self._reason = str(error).splitlines()[0]
                self._say()
                return None
        results = self._programs[key](*inputs)  # Running statistics are written where they are.
        return list(results) if isinstance(results, tuple) else [results]

    def _compile(self, types):
        def make():
            return Module.from_bytes(self._archive, "the lazy graph", inputs=types, target_cpu=cpu).run_to("vmfb").to_bytes()

        cpu, threads = _options["target_cpu"], _options["threads"]
        threads = torch.get_num_threads() if threads is None else threads
        return cache.find_or_make(cache.make_key(self._archive, cpu, *types), make, threads=threads)

    def _say(self):
        _logger.warning("torchc: a lazy graph runs in PyTorch: %s", self._reason)
