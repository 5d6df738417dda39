import pytest
import torch

import torchc

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def compiled():
    """Exports and compiles a module; the same one only once."""
    programs = {}

    def compile(module, inputs, dynamic_shapes=None, key=None):
        key = key or type(module)
        if key not in programs:
            exported = torch.export.export(module, inputs, dynamic_shapes=dynamic_shapes)
            programs[key] = torchc.compile(exported)
        return programs[key]

    return compile
