import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { type AwsEndpoint, type AwsService, endpointOf } from "./aws-endpoints.ts";
import { AwsFailure, failureOfAnswer, failureOfConnection } from "./aws-failure.ts";
import type { IamSettings } from "./iam.ts";
import { type HttpAnswer, type PostLimits, postOnce } from "./post-once.ts";
import { encodeParameters, type QueryParameters } from "./query-parameters.ts";
import { createQuerySigner } from "./query-signature.ts";
import { elementAt, readXml, type XmlElement } from "./query-xml.ts";

/** One call. */
export interface QueryCall {
  readonly service: AwsService;
  readonly action: string;
  readonly parameters?: QueryParameters;
  /** Aborting it abandons the call; whether AWS did it is then unknown. */
  readonly signal: AbortSignal;
}

/** A client of AWS's Query protocol, which IAM and STS speak. */
export interface AwsQuery {
  /**
   * Sends a call once and answers its result element, an empty one where the action has none. Rejects
   * with `AwsFailure` and nothing else.
   */
  query(call: QueryCall): Promise<XmlElement>;
  /** Closes idle connections once nothing is in flight. The client goes on working. */
  close(): void;
}

const versions: Readonly<Record<AwsService, string>> = { iam: "2010-05-08", sts: "2011-06-15" };

/**
 * IAM answers in well under a second, and a revocation may send one call twice. The largest answers are pages of
 * a thousand users, of some 400 KiB, and of 1.5 MiB where their paths are as long as they can be.
 */
const defaultLimits: PostLimits = {
  connectionTimeoutMs: 3000,
  callTimeoutMs: 5000,
  answerBytesMax: 4 * 1024 * 1024,
};

/**
 * Connections to an endpoint at a time; more calls than that wait for one. That is more than a server's CPU keeps busy: at 20 ms a
 * call, ten thousand calls a second.
 */
const socketsMax = 200;

/** AWS takes signatures that are up to 5 minutes old or 15 minutes young; a refusal is put down to the clock from 4 on. */
const skewMsMin = 240_000;

/** How far AWS's clock is ahead of ours, in milliseconds, as its refusals have told. */
export interface ClockSkew {
  ms: number;
}

/** Makes a client of the Query protocol. Nothing is looked up but host names. What it learns of AWS's clock goes into `skew`. */
export function createAwsQuery(
  settings: IamSettings,
  options: { readonly limits?: PostLimits; readonly nowMs?: () => number; readonly skew?: ClockSkew } = {},
): AwsQuery {
  const { limits = defaultLimits, nowMs = Date.now, skew = { ms: 0 } } = options;
  const agentOptions = { keepAlive: true, maxSockets: socketsMax };
  const agents = { http: new HttpAgent(agentOptions), https: new HttpsAgent(agentOptions) };
  const sign = createQuerySigner(settings);
  const endpoints = new Map<AwsService, AwsEndpoint>();
  let inFlight = 0;
  let isClosing = false;
  const closeWhenIdle = () => {
    if (!isClosing || inFlight > 0) return;
    agents.http.destroy();
    agents.https.destroy();
  };

  const endpointFor = (service: AwsService): AwsEndpoint => {
    const url = service === "iam" ? settings.iamEndpoint : settings.stsEndpoint;
    const endpoint =
      endpoints.get(service) ?? endpointOf({ service, region: settings.region, url: url || undefined });
    endpoints.set(service, endpoint);
    return endpoint;
  };

  const learnSkew = ({ status, headers }: HttpAnswer) => {
    if (status < 400 || status > 499 || headers.date === undefined || headers.age !== undefined) return;
    const seenMs = Date.parse(headers.date) - nowMs();
    if (Math.abs(seenMs - skew.ms) >= skewMsMin) skew.ms = seenMs;
  };

  const send = async ({ service, action, parameters, signal }: QueryCall): Promise<XmlElement> => {
    const endpoint = endpointFor(service);
    const body = bodyOf({ Action: action, Version: versions[service], ...parameters });
    const agent = endpoint.isSecure ? agents.https : agents.http;
    const headers = ["user-agent", "leasehold", ...sign({ endpoint, body, nowMs: nowMs() + skew.ms })];
    const answer = await postOnce({ endpoint, agent, headers, body, signal, limits });
    learnSkew(answer);
    return resultOf(action, answer);
  };

  return {
    async query(call) {
      inFlight++;
      try {
        return await send(call);
      } catch (error) {
        // Node may refuse a header: its words name the header, and not the value.
        throw failureOfConnection(error);
      } finally {
        inFlight--;
        closeWhenIdle();
      }
    },
    close() {
      isClosing = true;
      closeWhenIdle();
    },
  };
}

function bodyOf(parameters: QueryParameters): string {
  try {
    return encodeParameters(parameters);
  } catch {
    const message = "A parameter is not well-formed Unicode.";
    throw new AwsFailure("refused", "InvalidParameter", { message });
  }
}

/** A success counts only as the answer to the action: a page that something on the way puts in its place says nothing. */
function resultOf(action: string, { status, headers, body }: HttpAnswer): XmlElement {
  const root = readXml(body);
  if (status >= 200 && status < 300) {
    if (root?.name === `${action}Response`) {
      const name = `${action}Result`;
      return elementAt(root, name) ?? { name, text: "", children: [] };
    }
    throw new AwsFailure("unknown", "UnreadableAnswer", {
      message: `The answer is no answer to ${action}; is this an AWS endpoint?`,
      requestId: headers["x-amzn-requestid"]?.toString(),
    });
  }
  throw failureOfAnswer({ status, root, requestId: headers["x-amzn-requestid"]?.toString() });
}
