"""The model: training, metrics, prediction. No Streamlit; usable from a notebook."""

import os

# OpenMP's threads spin while they wait for each other. Where anything else wants the cores (the
# app, a browser, a second training) the one that is awaited is off its core, and a training step
# was measured to take 4 to 7 times as long as with threads that sleep. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
