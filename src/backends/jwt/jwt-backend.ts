import { isAbsolute } from "node:path";
import { errors } from "jose";
import type { BackendContext, BackendType } from "../../core/backend.ts";
import { CoreError } from "../../core/errors.ts";
import { durationField, invalidField, listField, mapField, stringField } from "../../core/field.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { fitsGlob, loginFailed, loginGrantOf, storedMap, storedTexts } from "../../core/login/login-role.ts";
import { loginRolePaths } from "../../core/login/login-roles-paths.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { checkJwksUrl, createJwtVerifier, jwtAlgorithms, type VerifyJwt } from "./verify-jwt.ts";

const folder = "role";
const configEntry = "config";

/** The login method `jwt`: a workload logs in with a token that its platform has signed. */
export function jwtBackend(): BackendType {
  return {
    type: "jwt",
    summary: "Lets workloads log in with a signed JWT: Kubernetes, CI, any OIDC issuer.",
    description:
      "Write to config whose keys are believed, and to role/<name> which claims a token must have. A workload sends the token that its platform gave it.",
    create: createJwt,
  };
}

function createJwt({ storage }: BackendContext) {
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
    if (made?.text !== text) made = { text, verify: createJwtVerifier(config) };
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
      bound_claims: mapField(
        "Claims that it must have, by name; one that begins with a slash looks into objects: /kubernetes.io/namespace. Where the token has a list, one of its items must be it.",
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
        clock_skew_leeway: (fields.clock_skew_leeway ?? 60_000) / 1000,
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
      jwt_validation_pubkeys: listField("One public key in PEM.", { countMax: 1 }),
      bound_issuer: stringField("What the issuer of a token must be.", { lengthMax: 1024 }),
      jwt_supported_algs: listField("Algorithms that are taken; all with public keys where not given.", {
        item: { regexp: new RegExp(`^(?:${jwtAlgorithms.join("|")})$`), words: jwtAlgorithms.join(", ") },
      }),
      default_role: stringField("Role of a login that names none.", { lengthMax: 64 }),
    },
    operations: {
      read: {
        summary: "Reads the configuration.",
        handle: async () => ({ data: (await storage.get(configEntry)) ?? {} }),
      },
      write: {
        summary: "Writes the configuration, in place of the one before.",
        takes: [
          ...(["jwks_url", "jwks_file", "jwt_validation_pubkeys"] as const),
          ...(["bound_issuer", "jwt_supported_algs", "default_role"] as const),
        ],
        handle: async ({ fields }) => {
          const { jwks_url: url, jwks_file: file, jwt_validation_pubkeys: pems = [] } = fields;
          if ([url, file, pems[0]].filter((source) => source).length !== 1)
            throw invalidField(
              "jwks_url",
              'must be given, or one of "jwks_file" and "jwt_validation_pubkeys", and only one of them.',
            );
          if (url) checkJwksUrl(url);
          if (file && !isAbsolute(file)) throw invalidField("jwks_file", "must be an absolute path.");
          await storage.put(configEntry, {
            ...{ jwks_url: url ?? "", jwks_file: file ?? "", jwt_validation_pubkeys: [...pems] },
            ...{ bound_issuer: fields.bound_issuer ?? "", default_role: fields.default_role ?? "" },
            jwt_supported_algs: [...(fields.jwt_supported_algs ?? [])],
          });
          return {};
        },
      },
    },
  });
}

/** What a claim holds; a name that begins with a slash is a JSON pointer into objects: `/kubernetes.io/namespace`. */
function claimOf(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  const parts = name.startsWith("/") ? name.slice(1).split("/") : [name];
  let value: unknown = claims;
  for (const part of parts) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Object.entries(value).find(([key]) => key === part)?.[1];
  }
  return value;
}

const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((one) => one !== undefined && one !== null).map(String);

/** Why a token's claims do not fit a role; undefined where they do. */
function misfit(role: JsonObject, claims: Readonly<Record<string, unknown>>): string | undefined {
  const { bound_subject: subject, bound_claims: bound, bound_claims_type: kind } = role;
  if (typeof subject === "string" && subject !== "" && claims.sub !== subject)
    return "The subject is another one.";
  const fits = (have: string, want: string) => (kind === "glob" ? fitsGlob(have, want) : have === want);
  for (const [name, wanted] of Object.entries(storedMap(bound as JsonValue))) {
    const have = textsOf(claimOf(claims, name));
    if (!have.some((one) => fits(one, wanted))) return `The claim ${JSON.stringify(name)} is another one.`;
  }
  return undefined;
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
            if (error instanceof errors.JWKSTimeout || (error instanceof TypeError && "cause" in error))
              throw new CoreError(
                "BACKEND_UNAVAILABLE",
                "The issuer's keys cannot be fetched now. Try again.",
                { cause: error },
              );
            throw loginFailed(error instanceof Error ? error.message : String(error));
          });
          if (!role) throw loginFailed("There is no such role.");
          const problem = misfit(role, claims);
          if (problem !== undefined) throw loginFailed(problem);
          const [user] = textsOf(claimOf(claims, String(role.user_claim ?? "sub")));
          if (user === undefined) throw loginFailed("The token has no claim that names the caller.");
          const mapped = Object.entries(storedMap(role.claim_mappings)).flatMap(([claim, key]) => {
            const [text] = textsOf(claimOf(claims, claim));
            return text === undefined ? [] : [[key, text.slice(0, 512)] as const];
          });
          const metadata = { role: name, ...Object.fromEntries(mapped) };
          return { login: loginGrantOf(role, { displayName: `jwt-${user.slice(0, 100)}`, metadata }) };
        },
      },
    },
  });
}
