import { X509Certificate } from "node:crypto";
import { isAbsolute } from "node:path";
import type { BackendContext, BackendType } from "../../core/backend.ts";
import { CoreError } from "../../core/errors.ts";
import { durationField, invalidField, listField, mapField, stringField } from "../../core/field.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import {
  loginFailed,
  loginGrantOf,
  loginRoleNamePattern,
  storedMap,
  storedTexts,
} from "../../core/login/login-role.ts";
import { loginRolePaths } from "../../core/login/login-roles-paths.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { boundClaimsField, checkClaimMappings, claimOf, claimsMisfit, claimTexts } from "./claims.ts";
import { fetchJwks } from "./fetch-jwks.ts";
import { KeysUnavailable, parseJwks } from "./jwks-source.ts";
import { readPublicKeys } from "./public-keys.ts";
import { checkJwksUrl, createJwtVerifier, jwtAlgorithms, type VerifyJwt } from "./verify-jwt.ts";

const folder = "role";
const configEntry = "config";

/** More would let tokens live on for long after their end. */
const leewayMsMax = 300_000;

/** The login method `jwt`: a workload logs in with a token that its platform has signed. Time is this process's unless told. */
export function jwtBackend({ nowMs = Date.now }: { readonly nowMs?: () => number } = {}): BackendType {
  return {
    type: "jwt",
    summary: "Lets workloads log in with a signed JWT: Kubernetes, CI, any OIDC issuer.",
    description:
      "Write to config whose keys are believed, and to role/<name> which claims a token must have. A workload sends the token that its platform gave it.",
    create: (context) => createJwt(context, nowMs),
  };
}

function createJwt({ storage }: BackendContext, nowMs: () => number) {
  let made: { readonly text: string; readonly verify: VerifyJwt } | undefined;

  /** What verifies by the configuration as it is now; the keys that were fetched stay as long as it does not change. */
  const verifier = async (): Promise<{ readonly config: JsonObject; readonly verify: VerifyJwt }> => {
    const config = await storage.get(configEntry);
    if (!config)
      throw new CoreError(
        "NOT_CONFIGURED",
        "Nobody can log in here yet. Write whose keys are believed to config.",
      );
    const text = JSON.stringify(config);
    if (made?.text !== text) made = { text, verify: createJwtVerifier(config, nowMs) };
    return { config, verify: made.verify };
  };

  const roles = loginRolePaths({
    storage,
    folder,
    description:
      "A token fits a role where it is signed by a believed key, has not expired, is meant for one of bound_audiences, and has every claim of bound_claims.",
    fields: {
      bound_audiences: listField("Audiences, one of which the token must name."),
      bound_subject: stringField("What its subject must be.", { lengthMax: 512 }),
      bound_claims: boundClaimsField(
        "Claims that it must have, by name, each with a text or a list of those it can be. A name that begins with a slash looks into objects: " +
          "/kubernetes.io/namespace. Where the token has a list, one of its items must be it.",
      ),
      bound_claims_type: stringField("Whether * in bound_claims stands for anything.", {
        allowed: ["string", "glob"],
        defaultText: "string",
      }),
      user_claim: stringField("Claim that names the caller.", { defaultText: "sub", lengthMax: 128 }),
      claim_mappings: mapField("Claims to keep with the token, by the name that they get there."),
      clock_skew_leeway: durationField("How far clocks may differ.", { defaultText: "1m" }),
    },
    store: (fields) => {
      const { clock_skew_leeway: leewayMs = 60_000 } = fields;
      if (leewayMs > leewayMsMax)
        throw invalidField(
          "clock_skew_leeway",
          `must be at most ${leewayMsMax / 1000} s, not ${leewayMs / 1000} s.`,
        );
      checkClaimMappings(fields.claim_mappings ?? {});
      const bound = [
        fields.bound_audiences?.length,
        fields.bound_subject,
        Object.keys(fields.bound_claims ?? {}).length,
      ];
      if (bound.every((one) => !one))
        throw invalidField(
          "bound_claims",
          'is missing, and so are "bound_audiences" and "bound_subject": whatever the issuer signs could log in.',
        );
      return {
        bound_audiences: [...(fields.bound_audiences ?? [])],
        bound_subject: fields.bound_subject ?? "",
        bound_claims: fields.bound_claims ?? {},
        bound_claims_type: fields.bound_claims_type ?? "string",
        user_claim: fields.user_claim ?? "sub",
        claim_mappings: fields.claim_mappings ?? {},
        clock_skew_leeway: leewayMs / 1000,
      };
    },
  });
  return { secretTypes: [], paths: [configPath(storage), ...roles, loginPath({ storage, verifier })] };
}

function configPath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: configEntry,
    summary: "Whose tokens are believed.",
    description: "Keys come from one of jwks_url, jwks_file and jwt_validation_pubkeys.",
    params: {},
    fields: {
      jwks_url: stringField("URL of the issuer's keys, a JWKS; https.", { lengthMax: 2048 }),
      jwks_file: stringField("File of a JWKS on the server, such as a mounted secret.", { lengthMax: 1024 }),
      jwks_ca_pem: stringField("PEM of the CAs that are believed at jwks_url, in place of the system's.", {
        lengthMax: 64 * 1024,
      }),
      jwt_validation_pubkeys: listField("Public keys in PEM; at most 10 in all.", { countMax: 10 }),
      bound_issuer: stringField("What the issuer of a token must be.", { lengthMax: 1024 }),
      jwt_supported_algs: listField("Algorithms that are taken; all with public keys where not given.", {
        item: { regexp: new RegExp(`^(?:${jwtAlgorithms.join("|")})$`), words: jwtAlgorithms.join(", ") },
      }),
      default_role: stringField("Role of a login that names none.", {
        pattern: { ...loginRoleNamePattern, regexp: /^$|^[\w+=,.@-]{1,64}$/ },
      }),
    },
    operations: {
      read: {
        summary: "Reads the configuration.",
        handle: async () => ({ data: (await storage.get(configEntry)) ?? {} }),
      },
      write: {
        summary: "Writes the configuration, in place of the one before.",
        takes: [
          ...(["jwks_url", "jwks_file", "jwks_ca_pem", "jwt_validation_pubkeys"] as const),
          ...(["bound_issuer", "jwt_supported_algs", "default_role"] as const),
        ],
        handle: async ({ fields }) => {
          const { jwks_url: url, jwks_file: file, jwt_validation_pubkeys: pems = [] } = fields;
          if ([url, file, pems[0]].filter((source) => source).length !== 1)
            throw invalidField(
              "jwks_url",
              'must be given, or one of "jwks_file" and "jwt_validation_pubkeys", and only one of them.',
            );
          const caPem = fields.jwks_ca_pem ?? "";
          if (url) checkJwksUrl(url);
          if (caPem !== "") checkCaPem(caPem, url);
          if (pems[0]) readPublicKeys(pems, "jwt_validation_pubkeys");
          if (file && !isAbsolute(file)) throw invalidField("jwks_file", "must be an absolute path.");
          await storage.put(configEntry, {
            ...{ jwks_url: url ?? "", jwks_file: file ?? "", jwks_ca_pem: caPem },
            jwt_validation_pubkeys: [...pems],
            ...{ bound_issuer: fields.bound_issuer ?? "", default_role: fields.default_role ?? "" },
            jwt_supported_algs: [...(fields.jwt_supported_algs ?? [])],
          });
          return { warnings: url ? await fetchWarnings(url, caPem) : [] };
        },
      },
    },
  });
}

function checkCaPem(caPem: string, url: string | undefined): void {
  if (!url?.startsWith("https:"))
    throw invalidField("jwks_ca_pem", 'needs a "jwks_url" that starts with https://.');
  try {
    new X509Certificate(caPem);
  } catch {
    throw invalidField("jwks_ca_pem", "must hold certificates in PEM.");
  }
}

/** What is wrong with the keys at a URL now, told to whoever has just written it. */
async function fetchWarnings(url: string, caPem: string): Promise<readonly string[]> {
  try {
    parseJwks(await fetchJwks(url, { caPem }));
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown cause";
    return [`The keys cannot be had from "jwks_url" now: ${why}. Nobody can log in until they can.`];
  }
}

function loginPath(options: {
  readonly storage: MountStorage;
  readonly verifier: () => Promise<{ readonly config: JsonObject; readonly verify: VerifyJwt }>;
}): PathDefinition {
  const { storage, verifier } = options;
  return definePath({
    pattern: "login",
    summary: "The login.",
    description: "Exchanges a signed JWT for a token.",
    params: {},
    fields: {
      role: stringField("Name of the role; default_role where not given.", { lengthMax: 64 }),
      jwt: stringField("The token of the platform.", {
        isRequired: true,
        isSecret: true,
        lengthMax: 32 * 1024,
      }),
    },
    operations: {
      write: {
        summary: "Logs in.",
        takes: ["role", "jwt"],
        handle: async ({ fields: { role: asked = "", jwt = "" } }) => {
          const { config, verify } = await verifier();
          const name = asked === "" ? String(config.default_role ?? "") : asked;
          const role = await storage.get(`${folder}/${name}`);
          const expected = {
            audiences: storedTexts(role?.bound_audiences),
            leewaySeconds: typeof role?.clock_skew_leeway === "number" ? role.clock_skew_leeway : 60,
          };
          const claims = await verify(jwt, expected).catch((error: unknown) => {
            // The issuer's keys cannot be had: that is nobody's fault who logs in, and tells nothing of roles.
            if (error instanceof KeysUnavailable)
              throw new CoreError(
                "BACKEND_UNAVAILABLE",
                "The issuer's keys cannot be fetched now. Try again.",
                { cause: error },
              );
            throw loginFailed(error instanceof Error ? error.message : String(error));
          });
          if (!role) throw loginFailed("There is no such role.");
          const problem = claimsMisfit(claims, {
            subject: String(role.bound_subject ?? ""),
            bound: isJsonObject(role.bound_claims) ? role.bound_claims : {},
            isGlob: role.bound_claims_type === "glob",
          });
          if (problem !== undefined) throw loginFailed(problem);
          const [user = ""] = claimTexts(claimOf(claims, String(role.user_claim ?? "sub")));
          if (user === "") throw loginFailed("The token has no claim that names the caller.");
          const mapped = Object.entries(storedMap(role.claim_mappings)).flatMap(([claim, key]) => {
            const [text] = claimTexts(claimOf(claims, claim));
            return text === undefined ? [] : [[key, text.slice(0, 512)] as const];
          });
          const metadata = { ...Object.fromEntries(mapped), role: name };
          return { login: loginGrantOf(role, { displayName: `jwt-${user.slice(0, 100)}`, metadata }) };
        },
      },
    },
  });
}
