"""
Many people who write to each other all the time, on one server: a site in namespaces (failover/site.py draws it), its
clients with real sessions in pairs, each sending at the same steady rate whatever comes back.

First so many clients for so many minutes; then a curve: more and more of them for some seconds each, then, with as many
as there are, more and more messages a second, until something is lost or the machine cannot send more.
"""
from failover.load import Load, Watch
from failover.site import Failed, Net, Site

PAYLOAD = 256  # bytes
BEGIN, MOST = 500, 16000  # clients of the curve's first step, and of its last
FASTER = 64  # messages a second and client, at most
US = 1000


class Plan:
    def __init__(self, driver, clients, minutes, step_s, cpus, most):
        self.driver, self.clients, self.minutes, self.step_s, self.most = driver, clients, minutes, step_s, most
        self.generator, self.worker = cpus


def latencies(record_frames):
    """Sorted, in us; frames are (sent, arrived or 0) one after the other."""
    pairs = zip(record_frames[::2], record_frames[1::2])
    return sorted((arrived - sent) / US for sent, arrived in pairs if arrived)


def quantile(values, q):
    return round(values[min(len(values) - 1, int(len(values) * q))], 1) if values else None


def measure(site, plan, clients, per_s, seconds):
    """One line of the result; with `inconclusive` where the machine, not the relay, was at fault."""
    row = {"driver": plan.driver, "clients": clients, "rate": clients * per_s, "minutes": round(seconds / 60, 2),
           "payload": PAYLOAD, "sent": None, "lost": None, "p50_us": None, "p99_us": None}  # fmt: skip
    load = Load(site, clients * per_s, clients, plan.generator, seconds, payload=PAYLOAD)
    watch = Watch(site.dataplane)
    try:
        record = load.end_by_itself(seconds + 120)
    finally:
        starved = watch.end()
        load.kill()
    row["sent"] = record.sent
    row["log_in_s"] = round(record.log_in_s, 2)  # all of them
    why = record.distrust([], starved)
    if why:
        row["inconclusive"] = why
        return row
    times = latencies(record.frames)
    row.update(lost=len(record.lost), p50_us=quantile(times, 0.5), p99_us=quantile(times, 0.99), p999_us=quantile(times, 0.999))
    return row


def steps(plan):
    """(clients, messages a second of each) of the curve."""
    clients = BEGIN
    while clients <= plan.most:
        yield clients, 1
        clients *= 2
    per_s = 2
    while per_s <= FASTER:
        yield clients // 2, per_s
        per_s *= 2


def bench(plan, programs, tell):
    """The rows: the long one first, then the curve."""
    net = Net()
    try:
        site = Site(programs, net, plan.driver, max(plan.clients, plan.most), [plan.worker])
        try:
            rows = [measure(site, plan, plan.clients, 1, round(plan.minutes * 60))]
            tell(f"{plan.clients} clients, {plan.minutes} minutes: {rows[0]}")
            for clients, per_s in steps(plan):
                rows.append(measure(site, plan, clients, per_s, plan.step_s))
                tell(f"{clients} clients, {per_s}/s each: {rows[-1]}")
                if rows[-1]["lost"] is None or rows[-1]["lost"] > 0:
                    break
            return rows
        finally:
            site.close()
    finally:
        net.close()


__all__ = ["Failed", "Plan", "bench"]
