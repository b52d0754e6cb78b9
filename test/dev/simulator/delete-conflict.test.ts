import {
  AddUserToGroupCommand,
  CreateGroupCommand,
  CreateLoginProfileCommand,
  CreateServiceSpecificCredentialCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  DeactivateMFADeviceCommand,
  DeleteLoginProfileCommand,
  DeleteServiceSpecificCredentialCommand,
  DeleteSigningCertificateCommand,
  DeleteSSHPublicKeyCommand,
  DeleteUserCommand,
  DeleteVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GetLoginProfileCommand,
  type IAMClient,
  ListMFADevicesCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  PutUserPermissionsBoundaryCommand,
  RemoveUserFromGroupCommand,
  UploadSigningCertificateCommand,
  UploadSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { totpCode } from "../../../src/dev/simulator/totp.ts";
import { certificate } from "../../conformance/iam-endpoint.ts";
import { RunningSimulator } from "./running-simulator.ts";

const UserName = "ada";

async function withUser(): Promise<RunningSimulator> {
  const running = await RunningSimulator.start();
  await running.iam.send(new CreateUserCommand({ UserName }));
  return running;
}

async function expectConflict(iam: IAMClient, first: string): Promise<void> {
  await expect(iam.send(new DeleteUserCommand({ UserName }))).rejects.toMatchObject({
    name: expect.stringMatching(/^DeleteConflict/),
    message: `Cannot delete entity, must ${first} first.`,
    $metadata: { httpStatusCode: 409 },
  });
}

async function expectDeleted(iam: IAMClient): Promise<void> {
  await expect(iam.send(new DeleteUserCommand({ UserName }))).resolves.toBeDefined();
}

describe("a user of the AWS simulator is not deleted", () => {
  it("while it has a login profile", async () => {
    const { iam } = await withUser();
    const Password = "a-long-Passw0rd";
    await iam.send(new CreateLoginProfileCommand({ UserName, Password, PasswordResetRequired: true }));
    const { LoginProfile } = await iam.send(new GetLoginProfileCommand({ UserName }));
    expect(LoginProfile?.PasswordResetRequired).toBe(true);
    await expect(iam.send(new CreateLoginProfileCommand({ UserName, Password }))).rejects.toMatchObject({
      name: expect.stringMatching(/^EntityAlreadyExists/),
    });
    await expectConflict(iam, "delete login profile");
    await iam.send(new DeleteLoginProfileCommand({ UserName }));
    await expect(iam.send(new GetLoginProfileCommand({ UserName }))).rejects.toMatchObject({
      name: expect.stringMatching(/^NoSuchEntity/),
    });
    await expectDeleted(iam);
  });

  it("while it has a signing certificate", async () => {
    const { iam } = await withUser();
    const upload = (CertificateBody: string) =>
      iam.send(new UploadSigningCertificateCommand({ UserName, CertificateBody }));
    await expect(upload("none")).rejects.toMatchObject({
      name: expect.stringMatching(/^MalformedCertificate/),
    });
    await upload(certificate);
    const { Certificates } = await iam.send(new ListSigningCertificatesCommand({ UserName }));
    expect(Certificates?.[0]?.CertificateBody?.trim()).toBe(certificate.trim());
    await expectConflict(iam, "delete signing certificates");
    const CertificateId = Certificates?.[0]?.CertificateId;
    await iam.send(new DeleteSigningCertificateCommand({ UserName, CertificateId }));
    await expectDeleted(iam);
  });

  it("while it has an SSH public key", async () => {
    const { iam } = await withUser();
    const SSHPublicKeyBody = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFkYQ ada";
    const uploaded = await iam.send(new UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody }));
    expect(uploaded.SSHPublicKey?.Fingerprint).toHaveLength(47);
    const { SSHPublicKeys } = await iam.send(new ListSSHPublicKeysCommand({ UserName }));
    expect(SSHPublicKeys).toHaveLength(1);
    await expectConflict(iam, "delete SSH public keys");
    const SSHPublicKeyId = SSHPublicKeys?.[0]?.SSHPublicKeyId;
    await iam.send(new DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId }));
    await expectDeleted(iam);
  });

  it("while it has a service-specific credential", async () => {
    const { iam } = await withUser();
    const ServiceName = "codecommit.amazonaws.com";
    await iam.send(new CreateServiceSpecificCredentialCommand({ UserName, ServiceName }));
    const listed = await iam.send(new ListServiceSpecificCredentialsCommand({ UserName }));
    expect(listed.ServiceSpecificCredentials?.[0]?.ServiceName).toBe(ServiceName);
    await expectConflict(iam, "delete service specific credentials");
    const id = listed.ServiceSpecificCredentials?.[0]?.ServiceSpecificCredentialId;
    await iam.send(new DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId: id }));
    await expectDeleted(iam);
  });

  it("while it has an MFA device, which is deactivated first and deleted after", async () => {
    const running = await withUser();
    const { iam } = running;
    const created = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "phone" }));
    const SerialNumber = created.VirtualMFADevice?.SerialNumber ?? "";
    const seed = Buffer.from(running.simulator.account.mfaDevices.get(SerialNumber)?.seed ?? "", "base64");
    const code = (steps: number) => totpCode(seed, running.nowMs() + steps * 30_000);
    const codes = { AuthenticationCode1: code(-1), AuthenticationCode2: code(0) };
    await iam.send(new EnableMFADeviceCommand({ UserName, SerialNumber, ...codes }));
    const { MFADevices } = await iam.send(new ListMFADevicesCommand({ UserName }));
    expect(MFADevices?.map((device) => device.SerialNumber)).toEqual([SerialNumber]);
    await expectConflict(iam, "delete MFA device");
    await expect(iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber }))).rejects.toMatchObject({
      name: expect.stringMatching(/^DeleteConflict/),
    });
    await iam.send(new DeactivateMFADeviceCommand({ UserName, SerialNumber }));
    await iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber }));
    await expectDeleted(iam);
  });

  it("while it is in a group", async () => {
    const { iam } = await withUser();
    const GroupName = "crew";
    await iam.send(new CreateGroupCommand({ GroupName }));
    await iam.send(new AddUserToGroupCommand({ UserName, GroupName }));
    await expectConflict(iam, "remove users from group");
    await iam.send(new RemoveUserFromGroupCommand({ UserName, GroupName }));
    await expectDeleted(iam);
  });

  it("but a permissions boundary may stay", async () => {
    const { iam } = await withUser();
    const PermissionsBoundary = "arn:aws:iam::aws:policy/AmazonEC2FullAccess";
    await iam.send(new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary }));
    await expectDeleted(iam);
  });
});
