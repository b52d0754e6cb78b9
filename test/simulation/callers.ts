import type { SecretReply } from "../../src/core/requests.ts";
import { createAsk } from "./ask.ts";
import { hasHangingMount } from "./fault-plan.ts";
import type { Invariants } from "./invariants.ts";
import type { Told } from "./ledger.ts";
import type { Server, Servers } from "./servers.ts";
import { hangingMount, lastingMount, roleNames, setUpMount } from "./set-up.ts";
import type { World } from "./world.ts";

/** The mount that comes and goes. */
const passingMount = "tmp";

/** Those who use the servers. */
export interface Callers {
  /** Sets up the mounts; calls back when requests can come. */
  begin(onReady: () => void): void;
  /** Sends no further requests. */
  stop(): void;
}

/** Makes callers who issue, renew, revoke, repeat, hang up, and mount and unmount. */
export function createCallers(options: {
  readonly world: World;
  readonly servers: Servers;
  readonly invariants: Invariants;
  readonly count: number;
}): Callers {
  const { world, servers, invariants, count } = options;
  const { scheduler, ledger, faults, redis, operator } = world;
  const random = world.random("callers");
  const ask = createAsk(world, invariants, random);
  let isStopped = false;
  let repeats = 0;
  let passingAccessor = "";
  let isPassingThere = false;
  let isHangingThere = false;

  const live = (): readonly Told[] =>
    [...ledger.told.values()].filter((told) => !told.isOver && told.expiresAtMs > redis.nowMs() + 1000);

  const learn = (reply: SecretReply, path: string, idempotencyKey: string | undefined): void => {
    const { lease, data } = reply;
    if (!lease) return;
    const keyId = String(data?.["access_key"]);
    const before = ledger.told.get(lease.id);
    if (before && before.idempotencyKey === undefined)
      invariants.violate("one secret a lease is told", `${lease.id} is told to two callers`);
    const { accessor, id, expiresAtMs, maxExpiresAtMs } = lease;
    const ref = { accessor, id };
    ledger.addTold({
      ...{ ref, path, idempotencyKey, keyId, expiresAtMs, maxExpiresAtMs },
      // A repeated request gives the lease a fresh key, which is to last.
      ...{ mayEnd: false, isOver: false, renewals: 0, renewalsUnderWay: 0 },
    });
  };

  const issue = (server: Server): void => {
    const isElsewhere = isPassingThere && random.chance(0.25);
    const isHanging = isHangingThere && random.chance(0.3);
    const mount = isHanging ? hangingMount : isElsewhere ? passingMount : lastingMount;
    const path = `${mount}/creds/${random.pick(roleNames)}`;
    const data = random.chance(0.4) ? { ttl: random.whole(3, 60) } : {};
    const idempotencyKey = random.chance(0.3) ? `key-${++repeats}` : undefined;
    read(server, { path, data, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }, 0);
  };

  const read = (
    server: Server,
    input: { readonly path: string; readonly data: Record<string, number>; readonly idempotencyKey?: string },
    tries: number,
  ): void => {
    if (input.idempotencyKey !== undefined && tries > 0) {
      for (const told of ledger.told.values())
        if (told.idempotencyKey === input.idempotencyKey) told.mayEnd = true;
    }
    ask({
      ...{ server, name: "read", input },
      deadlineMs: random.chance(0.2) ? random.between(500, 5000) : 30_000,
      hangUpMs: random.chance(0.08) ? random.between(1, 400) : undefined,
      onAnswering: ({ lease, data }) => {
        if (lease && !ledger.told.get(lease.id)?.isOver)
          invariants.answering(lease, String(data?.["access_key"]));
      },
      onEnd: (outcome) => {
        if (outcome.kind === "answered") learn(outcome.output, input.path, input.idempotencyKey);
        if (outcome.kind === "answered" || isStopped || tries >= 3 || !random.chance(0.7)) return;
        scheduler.after(random.between(10, 3000), () => {
          const [again] = servers.ready();
          if (!again || isStopped) return;
          faults.fired("caller: sent again");
          read(again, input, tries + 1);
        });
      },
    });
  };

  const renew = (server: Server, told: Told): void => {
    const incrementMs = random.chance(0.5) ? undefined : random.between(5000, 150_000);
    const number = ++told.renewals;
    const othersBefore = told.renewalsUnderWay++;
    // An increment may shorten, from the moment it is sent.
    if (incrementMs !== undefined)
      told.expiresAtMs = Math.min(told.expiresAtMs, redis.nowMs() + incrementMs - 2000);
    ask({
      ...{ server, name: "renewLease", input: { leaseId: told.ref.id, incrementMs } },
      onEnd: (outcome) => {
        told.renewalsUnderWay -= 1;
        if (outcome.kind !== "answered") return;
        const { expiresAtMs } = outcome.output.lease;
        if (expiresAtMs > told.maxExpiresAtMs)
          invariants.violate("no expiry passes the maximum", `${told.ref.id} was renewed past its maximum`);
        // Of renewals at the same time, a caller cannot tell which was the last.
        const isAlone = number === told.renewals && othersBefore === 0;
        told.expiresAtMs = isAlone ? expiresAtMs : Math.min(told.expiresAtMs, expiresAtMs);
      },
    });
  };

  const revoke = (server: Server, told: Told, tries = 0): void => {
    told.mayEnd = true;
    ask({
      ...{ server, name: "revokeLease", input: { leaseId: told.ref.id } },
      onAnswering: () => invariants.reportedRevoked(told.ref.id),
      onEnd: (outcome) => {
        if (outcome.kind === "answered") told.isOver = true;
        else if (tries < 2 && random.chance(0.5)) {
          const [again] = servers.ready();
          if (!again || isStopped) return;
          faults.fired("caller: sent again");
          revoke(again, told, tries + 1);
        }
      },
    });
  };

  const revokePrefix = (server: Server): void => {
    const prefix = `${lastingMount}/creds/${random.pick(roleNames)}`;
    ledger.ask(`${prefix}/`);
    ask({ ...{ server, name: "revokePrefix", input: { prefix } }, onEnd: () => {} });
  };

  const unmount = (server: Server): void => {
    const accessor = passingAccessor;
    isPassingThere = false;
    ledger.ask(`${passingMount}/`);
    ask({
      ...{ server, name: "unmount", input: { path: passingMount } },
      onAnswering: ({ pending }) => {
        if (pending === 0) invariants.reportedUnmounted(accessor);
      },
      onEnd: () => scheduler.after(random.between(1000, 20_000), mountPassing),
    });
  };
  const mountPassing = (): void => {
    if (isStopped) return;
    setUpMount({ world, servers, ask }, passingMount, (accessor) => {
      passingAccessor = accessor;
      isPassingThere = true;
    });
  };

  const lookAround = (server: Server): void => {
    const told = live();
    const prefix = `${lastingMount}/`;
    ask({ ...{ server, name: "countLeases", input: { prefix } }, onEnd: () => {} });
    ask({
      ...{ server, name: "listLeases", input: { prefix, pageSize: 5, pageToken: "", states: [] } },
      onEnd: () => {},
    });
    if (told.length === 0) return;
    ask({
      ...{ server, name: "lookupLease", input: { leaseId: random.pick(told).ref.id } },
      onEnd: () => {},
    });
  };

  /** An operator, who says go where servers observe because the storage lost something, and looks after what is irrevocable. */
  let goesAtMs: number | undefined;
  const sayGo = (server: Server): void => {
    goesAtMs ??= scheduler.nowMs() + random.between(0, 30_000);
    if (scheduler.nowMs() < goesAtMs) return;
    goesAtMs = undefined;
    const onEnd = operator.sayGo();
    ask({ ...{ server, name: "operatorResume", input: {} }, onEnd });
  };
  const operate = (): void => {
    scheduler.after(5000, operate);
    const [server] = servers.ready();
    const observing = servers.ready().find(({ core }) => core.isObserving());
    if (observing) sayGo(observing);
    if (!server || !isStopped) return;
    const input = {
      prefix: `${lastingMount}/`,
      pageSize: 100,
      pageToken: "",
      states: ["irrevocable"],
    } as const;
    ask({
      ...{ server, name: "listLeases", input },
      onEnd: (outcome) => {
        for (const { id } of outcome.kind === "answered" ? outcome.output.leases : [])
          ask({ ...{ server, name: "retryLease", input: { leaseId: id } }, onEnd: () => {} });
      },
    });
  };

  const act = (): void => {
    if (isStopped) return;
    scheduler.after(random.between(200, 1800 * count), act);
    const ready = servers.ready();
    if (ready.length === 0) return;
    const server = random.pick(ready);
    const told = live();
    const draw = random.next();
    if (told.length === 0 || draw < 0.45) issue(server);
    else if (draw < 0.68) renew(server, random.pick(told));
    else if (draw < 0.82) revoke(server, random.pick(told));
    else if (draw < 0.85) revokePrefix(server);
    else if (draw < 0.9 && isPassingThere) unmount(server);
    else lookAround(server);
  };

  // A backup may be older than the mount.
  redis.onRestored(() =>
    scheduler.after(random.between(10_000, 40_000), () =>
      setUpMount({ world, servers, ask }, lastingMount, () => {}),
    ),
  );

  return {
    begin(onReady) {
      setUpMount({ world, servers, ask }, lastingMount, () => {
        onReady();
        mountPassing();
        if (hasHangingMount(world.seed))
          setUpMount({ world, servers, ask }, hangingMount, () => {
            isHangingThere = true;
          });
        for (let number = 0; number < count; number++) act();
        operate();
      });
    },
    stop() {
      isStopped = true;
    },
  };
}
