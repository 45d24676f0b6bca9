"""The processes of a run: started on a given core, read through /proc, ended for sure.

Every child is told by the kernel when this process dies, and stop_all() ends them by their process
id, so that nothing survives a run, however it ends.
"""
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time

_cores = sorted(os.sched_getaffinity(0))
GATEWAY_CORE = _cores[0]
LOAD_CORE = _cores[min(1, len(_cores) - 1)]
PR_SET_PDEATHSIG = 1
NICE = -10

_libc = ctypes.CDLL(None)
_running = []


class Broken(Exception):
    """The bench itself can't go on; the text says what to do."""


def _prepare(core):
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.sched_setaffinity(0, {core})
    _ask_for_priority()


def _ask_for_priority():
    """Before other work, all children alike, where we may. Groups a session's processes, as
    kernels with autogroups do, and then a process's own nice value counts only inside its group."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        with open("/proc/self/autogroup", "w") as f:
            f.write(str(NICE))
    except OSError:
        pass


def priority():
    """What children get, for the report."""
    can = start(["sh", "-c", "exec sleep 2"], LOAD_CORE)
    nice = os.getpriority(os.PRIO_PROCESS, can.pid)
    stop(can)
    return f"nice {nice}"


def start(argv, core, **options):
    """A child in a session of its own, so that Ctrl-C reaches it only through us."""
    try:
        child = subprocess.Popen([str(a) for a in argv], preexec_fn=lambda: _prepare(core),
                                 start_new_session=True, stdin=subprocess.DEVNULL, **options)
    except FileNotFoundError as error:
        raise Broken(f"{argv[0]} is not there") from error
    _running.append(child)
    return child


def stop(child, with_signal=signal.SIGTERM, patience_s=5):
    """Ends a child; says so where it had to be killed."""
    if child.poll() is None:
        child.send_signal(with_signal)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            print(f"{child.args[0]} ignored signal {with_signal} for {patience_s} s: killed",
                  file=sys.stderr)
            child.kill()
            child.wait()
    if child in _running:
        _running.remove(child)


def stop_all():
    for child in list(_running):
        stop(child, patience_s=2)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(child, port, log):
    """Returns when the child accepts connections."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        if child.poll() is not None:
            raise Broken(f"{child.args[0]} ended at once with status {child.returncode}:\n"
                         + tail(log))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Broken(f"{child.args[0]} did not listen on port {port} within 10 s:\n" + tail(log))


def tail(path):
    try:
        with open(path, errors="replace") as f:
            return "".join(f.readlines()[-10:])
    except OSError:
        return "(no log)"


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def cpu_ns(pid):
    """Time on a core so far, of all threads, to the nanosecond."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def sleeps(pid):
    """How often its threads gave up their core to wait."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
    return total


def cpu_ticks(pid):
    """(user, system) time so far, sampled by the kernel's tick."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def core_busy_ns(core):
    """Time that anything at all ran on a core."""
    with open("/proc/stat") as f:
        fields = next(line for line in f if line.startswith(f"cpu{core} ")).split()
    user, nice, system, _idle, _iowait, irq, softirq = (int(v) for v in fields[1:8])
    return (user + nice + system + irq + softirq) * 10**9 // os.sysconf("SC_CLK_TCK")


def memory_bytes(pid):
    """(resident, private and dirty) bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        text = f.read()

    def field(name):
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) * 1024

    return field("Rss"), field("Private_Dirty")
