"""Exit 0 where the installed torch needs CUDA's libraries (requirements-cuda.lock), else 1."""

import sys
from importlib.metadata import requires

needs = any(name.startswith(("nvidia-", "cuda-")) for name in requires("torch") or [])
sys.exit(0 if needs and sys.platform == "linux" else 1)
