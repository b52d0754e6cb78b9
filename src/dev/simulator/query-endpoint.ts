import type { Account } from "./account.ts";
import type { Action, CallContext, ServiceName } from "./action.ts";
import { findAction } from "./action-table.ts";
import { AwsError, awsError } from "./aws-error.ts";
import type { CallLog } from "./call-log.ts";
import type { Faults, FaultTarget } from "./faults.ts";
import { requestId } from "./ids.ts";
import { findCredential, type Principal } from "./principal.ts";
import { type Answer, renderError, renderResult, serviceOfVersion } from "./protocol.ts";
import { QueryParameters } from "./query-parameters.ts";
import { type SignedRequest, verifySignature } from "./sigv4.ts";

/** What the endpoint works on. */
export interface QueryEndpointParts {
  readonly account: Account;
  readonly faults: Faults;
  readonly calls: CallLog;
  /** Told after each call that changed the account. */
  readonly onChange: () => void;
}

/** How a request ended: with an answer, or with the connection cut before one. */
export type Outcome = { readonly requestId: string; readonly answer: Answer | "lose-reply" };

function readAction(parameters: QueryParameters): { service: ServiceName; action: Action } {
  const name = parameters.get("Action");
  const version = parameters.get("Version");
  if (name === undefined) throw awsError("MissingAction", "Missing action.");
  const service = serviceOfVersion(version);
  const action = service === undefined ? undefined : findAction(service, name);
  if (service === undefined || action === undefined) {
    const shown = version ?? "NO_VERSION_SPECIFIED";
    throw awsError("InvalidAction", `Could not find operation ${name} for version ${shown}`);
  }
  return { service, action };
}

/** Tells whether AWS keeps a session out of IAM: federated users always, session tokens unless they prove MFA. */
function isKeptOutOfIam(caller: Principal): boolean {
  return caller.kind === "federated-user" || (caller.kind === "session-token" && !caller.hasMfa);
}

function authenticate(account: Account, request: SignedRequest, service: ServiceName): Principal {
  const nowMs = account.nowMs();
  const find = (accessKeyId: string) => findCredential(account, accessKeyId);
  const { credential, region } = verifySignature(request, { service, nowMs, find });
  const caller = credential.principal();
  if (service === "iam" && isKeptOutOfIam(caller)) {
    throw awsError("InvalidClientTokenId", "The security token included in the request is invalid");
  }
  if (credential.key !== undefined) credential.key.lastUsed = { atMs: nowMs, service, region };
  return caller;
}

function claimedKeyId(request: SignedRequest): string | undefined {
  return /Credential=([^/,\s]{1,128})\//.exec(request.headers["authorization"]?.[0] ?? "")?.[1];
}

/** AWS's Query protocol: one request in, one answer out, for every action of the table. */
export class QueryEndpoint {
  readonly #parts: QueryEndpointParts;

  constructor(parts: QueryEndpointParts) {
    this.#parts = parts;
  }

  /** Answers one request. A bug is answered as `ServiceFailure`, as AWS would, and rethrown nowhere. */
  async handle(request: SignedRequest, sourceIp: string): Promise<Outcome> {
    const id = requestId();
    const parameters = new QueryParameters(request.query, Buffer.from(request.body).toString());
    const service = serviceOfVersion(parameters.get("Version")) ?? "iam";
    const action = parameters.get("Action") ?? "";
    const isRead = findAction(service, action)?.isRead ?? false;
    const target: FaultTarget = { action, isRead, user: parameters.get("UserName") };
    await this.#parts.faults.delay(target);

    let answer: Answer | "lose-reply";
    let outcome = "OK";
    try {
      const result = this.#run(request, { parameters, target, sourceIp });
      answer = renderResult(service, target.action, { result, requestId: id });
      const fault = this.#parts.faults.afterEffect(target);
      if (fault === "lose-reply") answer = fault;
      else if (fault !== undefined) answer = renderError(service, fault, id);
      if (fault !== undefined) outcome = fault === "lose-reply" ? "lost" : `${fault.code} after effect`;
    } catch (error) {
      const shown = error instanceof AwsError ? error : awsError("ServiceFailure", `Simulator bug: ${error}`);
      outcome = shown.code;
      answer = renderError(service, shown, id);
    }
    this.#record(request, { service, target, outcome });
    return { requestId: id, answer };
  }

  #record(
    request: SignedRequest,
    call: { service: ServiceName; target: FaultTarget; outcome: string },
  ): void {
    const { account, calls } = this.#parts;
    const isKnown = findAction(call.service, call.target.action) !== undefined;
    calls.add({
      // What a client makes up is not kept: the log's size is bounded by names that exist.
      action: isKnown ? call.target.action : "(unknown)",
      atMs: account.nowMs(),
      accessKeyId: claimedKeyId(request),
      outcome: call.outcome,
      user: call.target.user?.slice(0, 128),
    });
  }

  #run(request: SignedRequest, call: { parameters: QueryParameters; target: FaultTarget; sourceIp: string }) {
    const { account, faults, onChange } = this.#parts;
    const { service, action } = readAction(call.parameters);
    const refusal = faults.refusal(call.target);
    if (refusal !== undefined) throw refusal;
    const caller = authenticate(account, request, service);
    const nowMs = account.nowMs();
    const context: CallContext = {
      account,
      caller,
      sourceIp: call.sourceIp,
      nowMs,
      visibleAtMs: () => nowMs + faults.delayMs("creation-delay", call.target),
      goneAtMs: () => nowMs + faults.delayMs("deletion-delay", call.target),
    };
    const result = action.handle(context, call.parameters);
    if (!action.isRead) onChange();
    return result;
  }
}
