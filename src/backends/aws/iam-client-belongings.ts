import {
  DeactivateMFADeviceCommand,
  DeleteAccessKeyCommand,
  DeleteLoginProfileCommand,
  DeleteServiceSpecificCredentialCommand,
  DeleteSigningCertificateCommand,
  DeleteSSHPublicKeyCommand,
  DeleteUserPolicyCommand,
  DeleteVirtualMFADeviceCommand,
  DetachUserPolicyCommand,
  GetLoginProfileCommand,
  type IAMClient,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListMFADevicesCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUserPoliciesCommand,
  RemoveUserFromGroupCommand,
} from "@aws-sdk/client-iam";
import { classifyAwsError } from "./aws-failure.ts";
import type { Belonging } from "./iam.ts";

interface ListCall {
  readonly iam: IAMClient;
  readonly user: string;
  readonly signal: AbortSignal;
}

interface RemoveCall extends ListCall {
  readonly id: string;
}

interface BelongingCalls {
  list(call: ListCall): Promise<readonly string[]>;
  remove(call: RemoveCall): Promise<void>;
}

interface PageInput {
  readonly UserName: string;
  readonly Marker?: string;
}

interface Page {
  readonly IsTruncated?: boolean | undefined;
  readonly Marker?: string | undefined;
}

/** A user has a few belongings of a kind; so many pages mean that the endpoint never ends. */
const pagesMax = 100;

/** Reads all pages of a list. A page that is not the last one must be followed: it may even be empty. */
async function allPages<P extends Page>(
  user: string,
  options: {
    readonly read: (input: PageInput) => Promise<P>;
    readonly idsOf: (page: P) => readonly (string | undefined)[];
  },
): Promise<readonly string[]> {
  const ids: string[] = [];
  let marker: string | undefined;
  for (let pages = 0; pages < pagesMax; pages++) {
    const page = await options.read(
      marker === undefined ? { UserName: user } : { UserName: user, Marker: marker },
    );
    for (const id of options.idsOf(page)) if (id !== undefined) ids.push(id);
    if (page.IsTruncated !== true || page.Marker === undefined) return ids;
    marker = page.Marker;
  }
  throw new Error(`The list of user ${JSON.stringify(user)} has more than ${pagesMax} pages.`);
}

async function orEmpty(work: Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await work;
  } catch (error) {
    if (classifyAwsError(error).kind === "absent") return [];
    throw error;
  }
}

/** The calls that list and take away each kind of belonging. */
export const belongingCalls: Readonly<Record<Belonging, BelongingCalls>> = {
  accessKey: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListAccessKeysCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.AccessKeyMetadata ?? []).map((key) => key.AccessKeyId),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DeleteAccessKeyCommand({ UserName: user, AccessKeyId: id }), {
        abortSignal: signal,
      });
    },
  },
  inlinePolicy: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListUserPoliciesCommand(input), { abortSignal: signal }),
        idsOf: (page) => page.PolicyNames ?? [],
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DeleteUserPolicyCommand({ UserName: user, PolicyName: id }), {
        abortSignal: signal,
      });
    },
  },
  attachedPolicy: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListAttachedUserPoliciesCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.AttachedPolicies ?? []).map((policy) => policy.PolicyArn),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DetachUserPolicyCommand({ UserName: user, PolicyArn: id }), { abortSignal: signal });
    },
  },
  group: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListGroupsForUserCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.Groups ?? []).map((group) => group.GroupName),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new RemoveUserFromGroupCommand({ UserName: user, GroupName: id }), {
        abortSignal: signal,
      });
    },
  },
  loginProfile: {
    // A user has one or none, and the answer for none is NoSuchEntity.
    list: ({ iam, user, signal }) =>
      orEmpty(
        iam
          .send(new GetLoginProfileCommand({ UserName: user }), { abortSignal: signal })
          .then(() => ["password"]),
      ),
    remove: async ({ iam, user, signal }) => {
      await iam.send(new DeleteLoginProfileCommand({ UserName: user }), { abortSignal: signal });
    },
  },
  signingCertificate: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListSigningCertificatesCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.Certificates ?? []).map((certificate) => certificate.CertificateId),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DeleteSigningCertificateCommand({ UserName: user, CertificateId: id }), {
        abortSignal: signal,
      });
    },
  },
  sshPublicKey: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListSSHPublicKeysCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.SSHPublicKeys ?? []).map((key) => key.SSHPublicKeyId),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DeleteSSHPublicKeyCommand({ UserName: user, SSHPublicKeyId: id }), {
        abortSignal: signal,
      });
    },
  },
  serviceCredential: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListServiceSpecificCredentialsCommand(input), { abortSignal: signal }),
        idsOf: (page) =>
          (page.ServiceSpecificCredentials ?? []).map((credential) => credential.ServiceSpecificCredentialId),
      }),
    remove: async ({ iam, user, id, signal }) => {
      const input = { UserName: user, ServiceSpecificCredentialId: id };
      await iam.send(new DeleteServiceSpecificCredentialCommand(input), { abortSignal: signal });
    },
  },
  mfaDevice: {
    list: ({ iam, user, signal }) =>
      allPages(user, {
        read: (input) => iam.send(new ListMFADevicesCommand(input), { abortSignal: signal }),
        idsOf: (page) => (page.MFADevices ?? []).map((device) => device.SerialNumber),
      }),
    remove: async ({ iam, user, id, signal }) => {
      await iam.send(new DeactivateMFADeviceCommand({ UserName: user, SerialNumber: id }), {
        abortSignal: signal,
      });
      // A virtual device, known by its ARN, would stay behind in the account; a piece of hardware is its owner's.
      if (id.includes(":mfa/")) {
        await iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber: id }), { abortSignal: signal });
      }
    },
  },
};
