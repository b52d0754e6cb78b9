import { createHash, X509Certificate } from "node:crypto";
import { type CallContext, defineAction, userOrCaller, userTarget } from "../action.ts";
import { awsError, notFound } from "../aws-error.ts";
import type { UserCredential } from "../entities.ts";
import { entityName, optional, pageFields, text } from "../fields.ts";
import { secretAccessKey, toBase32, uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { isoTime } from "../xml.ts";

const userName = optional(entityName(64));
const id = text({ minChars: 20, maxChars: 128, pattern: /^[\w]+$/ });
const body = text({ maxChars: 16_384, pattern: /^[\u0009\u000A\u000D\u0020-\u00FF]+$/ });

function byName(call: CallContext & { input: { UserName: string | undefined } }) {
  return userTarget(call, call.input.UserName);
}

function add(
  call: CallContext,
  held: Map<string, UserCredential>,
  credential: UserCredential,
  quota: [string, number],
) {
  const [name, most] = quota;
  if (held.size >= most) throw awsError("LimitExceeded", `Cannot exceed quota for ${name}: ${most}`);
  held.set(credential.id, credential);
  return { ...credential, createdAt: isoTime(call.nowMs) };
}

function remove(held: Map<string, UserCredential>, kind: string, credentialId: string): undefined {
  if (!held.delete(credentialId)) throw notFound(kind, credentialId);
}

const uploadSigningCertificate = defineAction({
  service: "iam",
  name: "UploadSigningCertificate",
  fields: { UserName: userName, CertificateBody: body },
  target: byName,
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    let certificateId: string;
    try {
      const { fingerprint256 } = new X509Certificate(call.input.CertificateBody);
      certificateId = toBase32(createHash("sha256").update(fingerprint256).digest()).slice(0, 32);
    } catch {
      throw awsError("MalformedCertificate", "Invalid Certificate Body: it is no X.509 certificate in PEM.");
    }
    const credential = { id: certificateId, createdAtMs: call.nowMs, body: call.input.CertificateBody };
    const quota = call.account.quotas.signingCertificatesPerUser;
    const added = add(call, user.signingCertificates, credential, ["CertificatesPerUser", quota]);
    return {
      Certificate: {
        UserName: user.name,
        CertificateId: added.id,
        CertificateBody: added.body,
        Status: "Active",
        UploadDate: added.createdAt,
      },
    };
  },
});

const listSigningCertificates = defineAction({
  service: "iam",
  name: "ListSigningCertificates",
  fields: { UserName: userName, ...pageFields },
  target: byName,
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    return page({
      field: "Certificates",
      entries: user.signingCertificates.values(),
      keyOf: (certificate) => certificate.id,
      show: (certificate) => ({
        UserName: user.name,
        CertificateId: certificate.id,
        CertificateBody: certificate.body,
        Status: "Active",
        UploadDate: isoTime(certificate.createdAtMs),
      }),
      input: call.input,
    });
  },
});

const deleteSigningCertificate = defineAction({
  service: "iam",
  name: "DeleteSigningCertificate",
  fields: { UserName: userName, CertificateId: text({ minChars: 24, maxChars: 128, pattern: /^[\w]+$/ }) },
  target: byName,
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    return remove(user.signingCertificates, "Certificate", call.input.CertificateId);
  },
});

const uploadSshPublicKey = defineAction({
  service: "iam",
  name: "UploadSSHPublicKey",
  fields: { UserName: entityName(64), SSHPublicKeyBody: body },
  target: byName,
  run: (call) => {
    const user = call.account.users.get(call.input.UserName);
    const credential = { id: uniqueId("APKA"), createdAtMs: call.nowMs, body: call.input.SSHPublicKeyBody };
    const quota = call.account.quotas.sshPublicKeysPerUser;
    const added = add(call, user.sshPublicKeys, credential, ["SSHPublicKeysPerUser", quota]);
    const digest = createHash("md5").update(added.body).digest("hex");
    return {
      SSHPublicKey: {
        UserName: user.name,
        SSHPublicKeyId: added.id,
        Fingerprint: digest.replace(/(..)(?=.)/g, "$1:"),
        SSHPublicKeyBody: added.body,
        Status: "Active",
        UploadDate: added.createdAt,
      },
    };
  },
});

const listSshPublicKeys = defineAction({
  service: "iam",
  name: "ListSSHPublicKeys",
  fields: { UserName: userName, ...pageFields },
  target: byName,
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    return page({
      field: "SSHPublicKeys",
      entries: user.sshPublicKeys.values(),
      keyOf: (key) => key.id,
      show: (key) => ({
        UserName: user.name,
        SSHPublicKeyId: key.id,
        Status: "Active",
        UploadDate: isoTime(key.createdAtMs),
      }),
      input: call.input,
    });
  },
});

const deleteSshPublicKey = defineAction({
  service: "iam",
  name: "DeleteSSHPublicKey",
  fields: { UserName: entityName(64), SSHPublicKeyId: id },
  target: byName,
  run: ({ account, input }) =>
    remove(account.users.get(input.UserName).sshPublicKeys, "Public Key", input.SSHPublicKeyId),
});

const services = ["codecommit.amazonaws.com", "cassandra.amazonaws.com", "bedrock.amazonaws.com"];

const createServiceSpecificCredential = defineAction({
  service: "iam",
  name: "CreateServiceSpecificCredential",
  fields: { UserName: entityName(64), ServiceName: text({ maxChars: 128 }) },
  target: byName,
  run: (call) => {
    const { account, input, nowMs } = call;
    const user = account.users.get(input.UserName);
    if (!services.includes(input.ServiceName)) {
      throw awsError("NotSupportedService", `No such service ${input.ServiceName} is supported.`);
    }
    const ofService = [...user.serviceCredentials.values()].filter((held) => held.body === input.ServiceName);
    if (ofService.length >= account.quotas.serviceCredentialsPerService) {
      const quota = account.quotas.serviceCredentialsPerService;
      throw awsError("LimitExceeded", `Cannot exceed quota for ServiceSpecificCredentialsPerUser: ${quota}`);
    }
    const credential = { id: uniqueId("ACCA"), createdAtMs: nowMs, body: input.ServiceName };
    user.serviceCredentials.set(credential.id, credential);
    return {
      ServiceSpecificCredential: {
        CreateDate: isoTime(nowMs),
        ServiceName: input.ServiceName,
        ServiceUserName: `${user.name}-at-${account.id}`,
        // Shown once and kept nowhere: no service here would check it.
        ServicePassword: secretAccessKey(),
        ServiceSpecificCredentialId: credential.id,
        UserName: user.name,
        Status: "Active",
      },
    };
  },
});

const listServiceSpecificCredentials = defineAction({
  service: "iam",
  name: "ListServiceSpecificCredentials",
  fields: { UserName: userName, ServiceName: optional(text({ maxChars: 128 })), ...pageFields },
  target: byName,
  run: (call) => {
    const { account, input } = call;
    const user = userOrCaller(call, input.UserName);
    const isListed = (held: UserCredential) => (input.ServiceName ?? held.body) === held.body;
    return page({
      field: "ServiceSpecificCredentials",
      entries: [...user.serviceCredentials.values()].filter(isListed),
      keyOf: (held) => held.id,
      show: (held) => ({
        UserName: user.name,
        Status: "Active",
        ServiceUserName: `${user.name}-at-${account.id}`,
        CreateDate: isoTime(held.createdAtMs),
        ServiceSpecificCredentialId: held.id,
        ServiceName: held.body,
      }),
      input,
    });
  },
});

const deleteServiceSpecificCredential = defineAction({
  service: "iam",
  name: "DeleteServiceSpecificCredential",
  fields: { UserName: userName, ServiceSpecificCredentialId: id },
  target: byName,
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    const kind = "Service Specific Credential";
    return remove(user.serviceCredentials, kind, call.input.ServiceSpecificCredentialId);
  },
});

/** The actions on what else a user signs in with: certificates, SSH keys and service-specific credentials. */
export const userCredentialActions = [
  uploadSigningCertificate,
  listSigningCertificates,
  deleteSigningCertificate,
  uploadSshPublicKey,
  listSshPublicKeys,
  deleteSshPublicKey,
  createServiceSpecificCredential,
  listServiceSpecificCredentials,
  deleteServiceSpecificCredential,
];
