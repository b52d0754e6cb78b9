import * as sdk from "@aws-sdk/client-iam";
import type { Simulator } from "../../../src/dev/simulator/simulator.ts";
import { totpCode } from "../../../src/dev/simulator/totp.ts";
import { allowEc2, certificate } from "../../conformance/iam-endpoint.ts";

const nths = ["one", "two", "three"];

/** Gives a user of the simulator more of everything that a user can have than one, as people do in the console. */
export async function touchUser(
  UserName: string,
  { admin, simulator }: { readonly admin: sdk.IAMClient; readonly simulator: Simulator },
): Promise<void> {
  await admin.send(new sdk.CreateLoginProfileCommand({ UserName, Password: "Correct-horse-7" }));
  await admin.send(new sdk.CreateAccessKeyCommand({ UserName }));
  const arns = ["AmazonEC2ReadOnlyAccess", "AmazonEC2FullAccess"].map(
    (name) => `arn:aws:iam::aws:policy/${name}`,
  );
  for (const PolicyArn of arns) await admin.send(new sdk.AttachUserPolicyCommand({ UserName, PolicyArn }));
  for (const nth of nths) {
    await admin.send(new sdk.CreateGroupCommand({ GroupName: nth }));
    await admin.send(new sdk.AddUserToGroupCommand({ UserName, GroupName: nth }));
    await admin.send(new sdk.PutUserPolicyCommand({ UserName, PolicyName: nth, PolicyDocument: allowEc2 }));
    const SSHPublicKeyBody = `ssh-ed25519 ${Buffer.from(`ada ${nth}`).toString("base64")} ada`;
    await admin.send(new sdk.UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody }));
    await giveDevice(UserName, { nth, admin, simulator });
  }
  for (const ServiceName of ["codecommit.amazonaws.com", "cassandra.amazonaws.com"])
    await admin.send(new sdk.CreateServiceSpecificCredentialCommand({ UserName, ServiceName }));
  await admin.send(new sdk.UploadSigningCertificateCommand({ UserName, CertificateBody: certificate }));
}

async function giveDevice(
  UserName: string,
  options: { readonly nth: string; readonly admin: sdk.IAMClient; readonly simulator: Simulator },
): Promise<void> {
  const { nth, admin, simulator } = options;
  const { VirtualMFADevice: device } = await admin.send(
    new sdk.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: nth }),
  );
  const SerialNumber = device?.SerialNumber ?? "";
  const seed = Buffer.from(simulator.account.mfaDevices.get(SerialNumber)?.seed ?? "", "base64");
  const [AuthenticationCode1, AuthenticationCode2] = [0, 30_000].map((ms) => totpCode(seed, Date.now() + ms));
  await admin.send(
    new sdk.EnableMFADeviceCommand({ UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }),
  );
}
