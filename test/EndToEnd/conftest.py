"""Makes the cases importable, whatever folder pytest is started in."""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
# One test a worker and one thread a test: workers share the machine.
torch.set_num_threads(1)
