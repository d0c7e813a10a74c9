"""What starts a job's process.

`local`: a detached process of its own session and low priority, so that neither the web server's
end nor a closed terminal stops a training, and labelling stays quick meanwhile.
`ray`: reserved for clusters; this release refuses it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from trainer.errors import ConfigError

PRIORITY = "10"

# The shell leaves at once and the job belongs to init: it outlives us and leaves no zombie.
# Linux shares processors among sessions before it looks at priorities within one, where its
# autogroup is on (as on desktops): the job is a session of its own, which has to step back itself.
_DETACH = (
    '{ echo "$RELABEL_JOB_PRIORITY" >/proc/self/autogroup; } 2>/dev/null; '
    '"$@" >>"$RELABEL_JOB_LOG" 2>&1 </dev/null &'
)


def start(
    engine: str, module: str, job_id: int, *, log: Path, environment: Mapping[str, str]
) -> None:
    """Start `python -m MODULE JOB_ID` and return at once; output goes to the file `log`.

    environment: variables to set for the process beside our own.
    Raises ConfigError for an engine that this release cannot use.
    """
    if engine != "local":
        raise ConfigError(
            f"RELABEL_ENGINE is {engine!r}; this release runs jobs on one machine only: "
            "set RELABEL_ENGINE=local"
        )
    log.parent.mkdir(parents=True, exist_ok=True)
    root = str(Path(__file__).parent.parent)
    paths = [root, os.environ.get("PYTHONPATH", "")]
    job = [sys.executable, "-m", module, str(job_id)]
    subprocess.run(
        ["/bin/sh", "-c", _DETACH, "sh", "/usr/bin/nice", "-n", PRIORITY, *job],
        check=True,
        start_new_session=True,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONUNBUFFERED": "1",
            "RELABEL_JOB_PRIORITY": PRIORITY,
            "RELABEL_JOB_LOG": str(log),
        },
    )
