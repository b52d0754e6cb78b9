import type { Tags } from "../iam.ts";

/** Credentials of a session. AWS tells them once, and ends them by itself. */
export interface SessionCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string;
  /** AWS's own end of the session, in milliseconds since 1970. */
  readonly endsAtMs: number;
}

/** What limits a session besides the permissions it comes from. */
export interface SessionLimits {
  /** Session policy, as JSON text. */
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
  readonly tags: Tags;
}

/** Whose credentials a call was signed with. */
export interface CallerIdentity {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

interface SessionCall {
  readonly durationSeconds: number;
  /** Aborting it abandons the call; whether AWS made a session is then unknown. */
  readonly signal: AbortSignal;
}

/**
 * The calls to AWS's token service that sessions are made with, each sent exactly once. Every call rejects with
 * `AwsFailure` and nothing else.
 */
export interface Sts {
  assumeRole(
    call: SessionCall &
      SessionLimits & {
        readonly roleArn: string;
        readonly sessionName: string;
        readonly externalId: string | undefined;
      },
  ): Promise<SessionCredentials>;
  getFederationToken(
    call: SessionCall & SessionLimits & { readonly name: string },
  ): Promise<SessionCredentials>;
  /** With an MFA device and its code, the session counts as one with MFA. AWS takes a code once. */
  getSessionToken(
    call: SessionCall & {
      readonly mfa: { readonly serialNumber: string; readonly code: string } | undefined;
    },
  ): Promise<SessionCredentials>;
  getCallerIdentity(call: { readonly signal: AbortSignal }): Promise<CallerIdentity>;
}
