"""A SLURM of one node on the loopback interface, in a folder of its own.

It needs the Debian packages slurmctld, slurmd, slurm-client and munge, and touches nothing outside
its folder: key, ports, sockets, spool and logs are its own, and it is taken down by its own pids.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
# Debian keeps the daemons where the PATH of an ordinary user does not lead
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
CONFIGURATION = """\
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# a requeued job may not start again before its old credential has expired: by default 2 minutes
AuthInfo=socket={folder}/run/munge.sock,cred_expire=5
CredType=cred/munge
# without these the daemons listen on every address
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobs.txt
# more processors than the machine may have
SlurmdParameters=config_overrides
# else one job takes all the memory
DefMemPerCPU=500
MinJobAge=600
ReturnToService=2
MailProg=/bin/true
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF
PartitionName=spare Nodes=localhost MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE
"""


class Unavailable(Exception):
    """SLURM is not installed, or does not start here."""


def free_ports(count):
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def running(pid):
    """Whether a process exists and has not ended; a zombie has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


class Cluster:
    """A running SLURM; use it in a with statement."""

    def __init__(self):
        # pytest's folders are too deep for a socket, and munge wants one that others can enter
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SLURM")},
            "SLURM_CONF": f"{self.folder}/etc/slurm.conf",
            "PATH": f"{self.folder}/bin{os.pathsep}{PATH}",
        }

    def __enter__(self):
        try:
            missing = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
            if missing:
                raise Unavailable(f"not installed: {', '.join(missing)}")
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception):
        self.stop()

    def _start(self):
        for name in ("bin", "etc", "run", "log", "ctld", "slurmd"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        key = self.folder / "etc/munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        (self.folder / "etc/slurm.conf").write_text(
            CONFIGURATION.format(folder=self.folder, ports=free_ports(2), user=getpass.getuser())
        )
        # Snakemake's job step drops SLURM_CONF before it calls srun; at a real site the
        # configuration is where srun looks for it
        srun = self.folder / "bin/srun"
        srun.write_text(
            f"#!/bin/sh\nSLURM_CONF='{self.folder}/etc/slurm.conf'\nexport SLURM_CONF\n"
            f"exec '{shutil.which('srun', path=PATH)}' \"$@\"\n"
        )
        srun.chmod(0o755)
        run, log = self.folder / "run", self.folder / "log"
        files = (f"--key-file={key}", f"--socket={run}/munge.sock", f"--log-file={log}/munged.log")
        files += (f"--pid-file={run}/munged.pid", f"--seed-file={run}/munged.seed")
        self.call("munged", "--num-threads=2", *files)
        self.call("slurmctld")
        self.call("slurmd", "-N", "localhost")
        state = ""
        for _ in range(150):
            with contextlib.suppress(Unavailable):
                state = self.call("sinfo", "-h", "-o", "%T", "-p", "main").strip()
            if state == "idle":
                return
            time.sleep(0.2)
        raise Unavailable(f"the node is not idle but {state!r} after 30 s: {self.last_words()}")

    def last_words(self):
        """The ends of the daemons' logs."""
        words = []
        for path in sorted((self.folder / "log").glob("*.log")):
            words += path.read_text(errors="replace").splitlines()[-3:]
        return " | ".join(words)

    def call(self, program, *arguments, check=True):
        """Run a command of SLURM and return what it prints."""
        try:
            command = [shutil.which(program, path=PATH) or program, *arguments]
            options = {"env": self.environment, "stdin": subprocess.DEVNULL, "timeout": 60}
            done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{program}: no answer in 60 s") from error
        if check and done.returncode:
            raise Unavailable(f"{program}: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout + done.stderr

    def jobs(self, **fields):
        """What SLURM knows of every job so far, as dictionaries; all given fields must agree."""
        jobs = []
        for line in self.call("scontrol", "--oneliner", "show", "jobs").splitlines():
            if line.startswith("JobId="):
                pairs = (word.partition("=") for word in line.split(" "))
                jobs.append({name: value for name, _, value in pairs})
        return [job for job in jobs if all(job.get(key) == fields[key] for key in fields)]

    def wait(self, number, states, seconds=120):
        """Wait until a job is in one of the states."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            jobs = self.jobs(JobId=str(number))
            if jobs and jobs[0]["JobState"] in states:
                return jobs[0]
            time.sleep(0.3)
        raise TimeoutError(f"job {number} is not {' or '.join(states)} but {jobs}")

    def stop(self):
        """Cancel all jobs and end the daemons, the last resort being SIGKILL."""
        if shutil.which("scancel", path=PATH) and (self.folder / "run/slurmctld.pid").exists():
            with contextlib.suppress(Unavailable):
                self.call("scancel", f"--user={getpass.getuser()}", check=False)
                for _ in range(50):
                    if not self.call("squeue", "-h", check=False).strip():
                        break
                    time.sleep(0.2)
        self._end_daemons()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_daemons(self):
        pids = []
        for name in ("slurmd", "slurmctld", "munged"):
            path = self.folder / f"run/{name}.pid"
            with contextlib.suppress(OSError, ValueError):
                pids.append(int(path.read_text()))
        for number, tries in ((signal.SIGTERM, 100), (signal.SIGKILL, 20)):
            for pid in filter(running, pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            for _ in range(tries):
                if not any(map(running, pids)):
                    return
                time.sleep(0.1)
