import { AwsFailure, isAwsFailure } from "./aws-failure.ts";
import type { Belonging } from "./iam.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { membersAt, textAt, type XmlElement } from "./query-xml.ts";

/** Sends one call to IAM and answers its result. */
export type IamCall = (action: string, parameters: QueryParameters) => Promise<XmlElement>;

interface ListCall {
  readonly iam: IamCall;
  readonly user: string;
}

interface RemoveCall extends ListCall {
  readonly id: string;
}

interface BelongingCalls {
  list(call: ListCall): Promise<readonly string[]>;
  remove(call: RemoveCall): Promise<void>;
}

/** A user has a few belongings of a kind; so many pages mean that the endpoint never ends. */
const pagesMax = 100;

/** Reads all pages of a list. A page that is not the last one must be followed: it may even be empty. */
async function allPages(
  { iam, user }: ListCall,
  list: { readonly action: string; readonly idsOf: (page: XmlElement) => readonly string[] },
): Promise<readonly string[]> {
  const ids: string[] = [];
  let marker: string | undefined;
  for (let pages = 0; pages < pagesMax; pages++) {
    const page = await iam(list.action, { UserName: user, Marker: marker });
    ids.push(...list.idsOf(page));
    marker = textAt(page, "Marker");
    if (textAt(page, "IsTruncated") !== "true" || marker === undefined) return ids;
  }
  throw new AwsFailure("unknown", "EndlessList", {
    message: `The list of user ${JSON.stringify(user)} has more than ${pagesMax} pages.`,
  });
}

/** Lists a kind of belonging: each is a member of `list`, and its id is in the field `id`. */
function pagesOf(action: string, { list, id }: { readonly list: string; readonly id: string }) {
  const idsOf = (page: XmlElement): readonly string[] =>
    membersAt(page, list).flatMap((member) => textAt(member, id) ?? []);
  return (call: ListCall) => allPages(call, { action, idsOf });
}

/** Takes a belonging away whose id goes into one parameter. */
function removal(action: string, parameter: string) {
  return async ({ iam, user, id }: RemoveCall): Promise<void> => {
    await iam(action, { UserName: user, [parameter]: id });
  };
}

/** The calls that list and take away each kind of belonging. */
export const belongingCalls: Readonly<Record<Belonging, BelongingCalls>> = {
  accessKey: {
    list: pagesOf("ListAccessKeys", { list: "AccessKeyMetadata", id: "AccessKeyId" }),
    remove: removal("DeleteAccessKey", "AccessKeyId"),
  },
  inlinePolicy: {
    list: (call) =>
      allPages(call, {
        action: "ListUserPolicies",
        idsOf: (page) => membersAt(page, "PolicyNames").map(({ text }) => text),
      }),
    remove: removal("DeleteUserPolicy", "PolicyName"),
  },
  attachedPolicy: {
    list: pagesOf("ListAttachedUserPolicies", { list: "AttachedPolicies", id: "PolicyArn" }),
    remove: removal("DetachUserPolicy", "PolicyArn"),
  },
  group: {
    list: pagesOf("ListGroupsForUser", { list: "Groups", id: "GroupName" }),
    remove: removal("RemoveUserFromGroup", "GroupName"),
  },
  loginProfile: {
    // A user has one or none, and the answer for none is NoSuchEntity.
    async list({ iam, user }) {
      try {
        await iam("GetLoginProfile", { UserName: user });
        return ["password"];
      } catch (error) {
        if (isAwsFailure(error, "absent")) return [];
        throw error;
      }
    },
    async remove({ iam, user }) {
      await iam("DeleteLoginProfile", { UserName: user });
    },
  },
  signingCertificate: {
    list: pagesOf("ListSigningCertificates", { list: "Certificates", id: "CertificateId" }),
    remove: removal("DeleteSigningCertificate", "CertificateId"),
  },
  sshPublicKey: {
    list: pagesOf("ListSSHPublicKeys", { list: "SSHPublicKeys", id: "SSHPublicKeyId" }),
    remove: removal("DeleteSSHPublicKey", "SSHPublicKeyId"),
  },
  serviceCredential: {
    list: pagesOf("ListServiceSpecificCredentials", {
      list: "ServiceSpecificCredentials",
      id: "ServiceSpecificCredentialId",
    }),
    remove: removal("DeleteServiceSpecificCredential", "ServiceSpecificCredentialId"),
  },
  mfaDevice: {
    list: pagesOf("ListMFADevices", { list: "MFADevices", id: "SerialNumber" }),
    async remove({ iam, user, id }) {
      // A virtual device, known by its ARN, would stay behind in the account; a piece of hardware is its owner's.
      const isVirtual = id.includes(":mfa/");
      try {
        await iam("DeactivateMFADevice", { UserName: user, SerialNumber: id });
      } catch (error) {
        // Sent again where only the second call failed, it finds the device off, and that still there.
        if (!isVirtual || !isAwsFailure(error, "absent")) throw error;
      }
      if (isVirtual) await iam("DeleteVirtualMFADevice", { SerialNumber: id });
    },
  },
};
