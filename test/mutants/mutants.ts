/** A change that puts one bug into the product. */
export interface Edit {
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** A bug that the tests must find. */
export interface Mutant {
  /** What the bug is, in a few words. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Test files that should find it, the quickest first. */
  readonly tests: readonly string[];
  /** With how many seeds the simulation must find it; undefined where it is in what the simulation does not run, such as the scripts. */
  readonly seedsMax?: number;
}

const store = ["test/redis/redis-versions.test.ts"];
const lua = (name: string): string => `src/redis/lua/${name}.lua`;

/** The bugs that are easiest to make in a lease engine, and worst to have. */
export const mutants: readonly Mutant[] = [
  {
    name: "begin skips the due entry",
    edits: [{ file: lua("begin"), from: "make_due(due_key, ttl_key, id, grace_ends, now)\n", to: "" }],
    tests: store,
  },
  {
    name: "begin is acknowledged before it is durable",
    edits: [
      {
        file: "src/redis/lease-store.ts",
        from: "run(call[0], call[1], call[2], replicasAwaited)",
        to: "run(call[0], call[1], call[2], 0)",
      },
    ],
    tests: ["test/redis-topology/replicas.test.ts"],
  },
  {
    name: "the secret is made before begin is answered",
    edits: [
      {
        file: "src/core/begin-lease.ts",
        from: "const outcome = await leases.begin(begun);",
        to: 'leases.begin(begun).catch(() => {});\n    const outcome = "begun" as Awaited<ReturnType<typeof leases.begin>>;',
      },
    ],
    tests: ["test/core/issue.test.ts", "test/core/crash.test.ts"],
    seedsMax: 200,
  },
  {
    name: "finish does not check the fence",
    edits: [{ file: lua("finish"), from: "if held ~= fence then return { now, 'stale' } end\n", to: "" }],
    tests: store,
  },
  {
    name: "a claim takes what somebody else holds",
    edits: [
      {
        file: lua("claim"),
        from: "if claim.state == 'revoking' and held and due > now then return { 'busy' } end",
        to: "",
      },
    ],
    tests: store,
  },
  {
    name: '"no such user" is believed at once',
    edits: [
      {
        file: "src/backends/aws/revocation.ts",
        from: "return nowMs >= createsEndedAtMs + consistencyMs;",
        to: "return nowMs + createsEndedAtMs + consistencyMs > 0;",
      },
    ],
    tests: ["test/backends/aws/revoke.test.ts"],
    seedsMax: 400,
  },
  {
    name: "a lease is forgotten before its user is deleted",
    edits: [
      {
        file: "src/core/revoker.ts",
        from: "await unmaker.unmake(unmaking);\n      }",
        to: "await finish(held, lease);\n        await unmaker.unmake(unmaking);\n      }",
      },
    ],
    tests: ["test/core/crash.test.ts", "test/core/revoke.test.ts"],
    seedsMax: 10,
  },
  {
    name: "expiry relies on events alone",
    edits: [
      {
        file: "src/core/lane.ts",
        from: 'source === "timer" && !settings.isTimerOn',
        to: 'source === "timer"',
      },
    ],
    tests: ["test/core/expirer.test.ts"],
    seedsMax: 300,
  },
  {
    name: "the record has a TTL of its own",
    edits: [
      {
        file: lua("begin"),
        from: "if renewable ~= '' then redis.call('HSET', lease_key, 'rn', renewable) end\n",
        to: "if renewable ~= '' then redis.call('HSET', lease_key, 'rn', renewable) end\nredis.call('PEXPIREAT', lease_key, ARGV[7])\n",
      },
    ],
    tests: ["test/redis/redis-versions.test.ts", "test/redis/redis-lease-store.test.ts"],
  },
  {
    name: "claims stop in a full Redis",
    edits: [{ file: lua("claim"), from: "#!lua flags=allow-oom\n", to: "#!lua\n" }],
    tests: ["test/redis/scripts.test.ts"],
  },
  {
    name: "CreateAccessKey is sent again after a lost reply",
    edits: [
      {
        file: "src/backends/aws/create-access-key.ts",
        from: 'if (error.kind === "unknown") isInDoubt = true;',
        to: "",
      },
    ],
    tests: ["test/backends/aws/create-user.test.ts"],
    seedsMax: 50,
  },
  {
    name: "a renewal passes the maximum",
    edits: [
      {
        file: "src/core/ttl.ts",
        from: "expiresAtMs: Math.min(wantedMs, maxExpiresAtMs)",
        to: "expiresAtMs: wantedMs",
      },
    ],
    tests: ["test/core/ttl.test.ts", "test/core/renew.test.ts"],
    seedsMax: 10,
  },
  {
    name: "the server cleans up whatever the epochs say",
    edits: [
      {
        file: "src/core/epoch-ledger.ts",
        from: "if (isThere && (mount.epoch === undefined || mount.epoch >= epoch)) return [];",
        to: "if (isThere || epoch >= 0) return [];",
      },
    ],
    tests: ["test/core/epoch-ledger.test.ts", "test/core/observer.test.ts", "test/core/observe-only.test.ts"],
  },
  {
    name: "a mount that appears counts as old",
    edits: [
      {
        file: "src/core/epoch-ledger.ts",
        from: "return isNew ? { ...entry, settledEpoch: 0 } : entry;",
        to: "return entry;",
      },
    ],
    tests: ["test/core/epoch-ledger.test.ts", "test/core/observer.test.ts"],
  },
  {
    name: "any change of the operator's mark counts as go",
    edits: [
      {
        file: "src/core/observer.ts",
        from: "return resumedAtMs > Math.max(resumedBeforeMs, sinceMs);",
        to: "return resumedAtMs !== resumedBeforeMs;",
      },
    ],
    tests: ["test/core/observer.test.ts"],
  },
  {
    name: "a server forgets at its restart that it observes",
    edits: [
      { file: "src/core/observer.ts", from: "if (before) begin(await asOfNow(before, mark), true);", to: "" },
    ],
    tests: ["test/core/observer.test.ts", "test/core/remembering-observer.test.ts"],
    seedsMax: 1500,
  },
  {
    name: "a wake-up does the work itself",
    edits: [
      {
        file: "src/core/lane.ts",
        from: "woken ??= source;\n    interrupt?.abort(awake);",
        to:
          "woken ??= source;\n    interrupt?.abort(awake);\n    const mount = mountNow();\n" +
          '    if (mount && source === "event")\n' +
          "      void leases.peekDue(accessor, { limit: 1000, touch: false }).then(({ due }) => {\n" +
          '        const claims = due.map(({ id, dueAtMs }) => ({ kind: "due", id, dueAtMs }) as const);\n' +
          "        if (claims.length > 0) attemptAll(mount, claims, { source, haste: undefined });\n" +
          "      });",
      },
    ],
    tests: ["test/core/expirer.test.ts", "test/core/pressure.test.ts", "test/core/two-servers.test.ts"],
  },
  {
    name: "a secret is told though its lease was lost",
    edits: [
      { file: "src/core/delivery.ts", from: 'if (outcome === "lost") throw tookTooLong(lease.id);', to: "" },
    ],
    tests: ["test/core/issue.test.ts"],
    seedsMax: 1000,
  },
  {
    name: "what a repetition has reopened is given up with the first request",
    edits: [
      {
        file: "src/core/revoker.ts",
        from: '[{ kind: "abandoned", id, issuerFence }]',
        to: '[{ kind: "requested", id }]',
      },
    ],
    tests: ["test/core/repeat-issue.test.ts"],
  },
  {
    name: "a failed revocation is given up",
    edits: [
      {
        file: "src/core/revoker.ts",
        from: "nowMs + retry.afterMs",
        to: "nowMs + retry.afterMs + 1e10",
      },
    ],
    tests: ["test/core/revoke.test.ts", "test/core/revoker.test.ts"],
    seedsMax: 20,
  },
  {
    name: "a renewal moves the lease first, and the guard after it",
    edits: [
      {
        file: "src/core/renewer.ts",
        from: "const move = expiresAtMs > lease.expiresAtMs ? lengthen : shorten;",
        to: "const move = expiresAtMs > 0 ? shorten : lengthen;",
      },
    ],
    tests: ["test/core/renew.test.ts", "test/core/concurrent-renewals.test.ts"],
  },
  {
    name: "a renewal that was overtaken relies on what is stored of the vendor's end",
    edits: [
      {
        file: "src/core/renewer.ts",
        from: "const telling = { expiresAtMs: knownMs, signal: limit.signal };",
        to: "const telling = { expiresAtMs: knownMs, toldExpiresAtMs: knownMs, signal: limit.signal };",
      },
    ],
    tests: ["test/core/concurrent-renewals.test.ts"],
  },
  {
    name: "a renewal relies on a guard that somebody was about to draw in",
    edits: [
      {
        file: "src/backends/aws/users/guard-reach.ts",
        from: "return fits(toldExpiresAtMs) && fits(expiresAtMs);",
        to: "return fits(expiresAtMs);",
      },
    ],
    tests: ["test/backends/aws/renew-user.test.ts"],
  },
  {
    name: "a mount is forgotten while leases are left",
    edits: [
      {
        file: lua("forget-mount"),
        from: "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end\n",
        to: "",
      },
    ],
    tests: store,
  },
  {
    name: "a lease is forgotten while its user may still be made",
    edits: [
      {
        file: "src/backends/aws/destroy-user.ts",
        from: "if (handle.key === undefined && context.nowMs < context.createsEndedAtMs)",
        to: "if (handle.key === undefined && context.nowMs < 0)",
      },
    ],
    tests: ["test/backends/aws/revoke.test.ts"],
  },
  {
    name: "a process that got no time makes a user when all is over",
    edits: [
      {
        file: "src/backends/aws/create-user.ts",
        from: "    await root.clock.sleep(0, signal);\n",
        to: "",
      },
    ],
    tests: ["test/backends/aws/create-user.test.ts"],
  },
];
