"""Processes that start at once: forked from a server that has imported what they need.

There is one such server in a process, so all tests share its list of modules.
"""

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "annotators",
        "db.backup",
        "labeling.exporting",
        "labeling.importing",
        "labeling.widget.exchange",
        "pg8000",
        "trainer.artifacts",
        "trainer.checkpoints",
        "trainer.job",
    ]
)
