import { describe, expect, it } from "vitest";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { mountSessions } from "./mounted-sessions.ts";

const serial = "arn:aws:iam::111122223333:mfa/root-of-leasehold";

describe("a session token", () => {
  it("is made of the root key's own user, without MFA where the role names no device", async () => {
    const { sts, role, open } = await mountSessions();
    await role("ops", { credentialType: "session_token" });
    const { secret } = await open("sts/ops");
    expect(secret).toMatchObject({ security_token: "token-of-000000000001" });
    expect(sts.made).toMatchObject([{ kind: "getSessionToken", mfa: undefined, durationSeconds: 3600 }]);
  });

  it("is made with MFA where the role names a device", async () => {
    const { sts, role, open } = await mountSessions();
    await role("ops", { credentialType: "session_token", mfaSerialNumber: serial });
    await open("sts/ops", { mfa_code: "012345" });
    expect(sts.made).toMatchObject([{ mfa: { serialNumber: serial, code: "012345" } }]);
  });

  it("needs a code where the role names a device, of six digits, and takes none where it names none", async () => {
    const { role, issueOf } = await mountSessions();
    await role("mfa", { credentialType: "session_token", mfaSerialNumber: serial });
    await role("ops", { credentialType: "session_token" });
    await expect(issueOf("sts/mfa")).rejects.toMatchObject({
      details: { field: "mfa_code" },
      message: expect.stringContaining(`is missing: role "mfa" names the MFA device "${serial}"`),
    });
    for (const code of ["12345", "1234567", "12345x", ""]) {
      const refused = issueOf("sts/mfa", { mfa_code: code });
      await expect(refused).rejects.toMatchObject({
        details: { field: "mfa_code" },
        message: 'Field "mfa_code" must be the six digits that the device shows, not the value given.',
      });
    }
    await expect(issueOf("sts/ops", { mfa_code: "123456" })).rejects.toMatchObject({
      message: expect.stringContaining("names no MFA device"),
    });
  });

  it("sends a code once, though the reply is lost, but again where AWS has not looked at it", async () => {
    const { sts, role, open } = await mountSessions();
    await role("ops", { credentialType: "session_token", mfaSerialNumber: serial });
    sts.knobs.fault = ({ number }) =>
      number === 0 ? awsFailure("throttled", "Throttling") : number === 1 ? "lost reply" : undefined;
    await expect(open("sts/ops", { mfa_code: "012345" })).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
    });
    expect(sts.calls).toHaveLength(2);
  });

  it("says what to do about a code that AWS does not take", async () => {
    const { sts, role, open } = await mountSessions();
    await role("ops", { credentialType: "session_token", mfaSerialNumber: serial });
    const refusal = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    sts.knobs.fault = () => awsFailure("refused", "AccessDenied", refusal);
    await expect(open("sts/ops", { mfa_code: "012345" })).rejects.toMatchObject({
      reason: { message: expect.stringContaining("send the next one") },
    });
  });

  it("is refused to temporary root credentials", async () => {
    const { role, issueOf } = await mountSessions({ access_key: "ASIA4SGLQPBX6CSENIQX", secret_key: "s" });
    await role("ops", { credentialType: "session_token" });
    await expect(issueOf("sts/ops")).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
  });

  it("cannot be asked for at sts/ by a role of IAM users, which is told where to go", async () => {
    const { role, issueOf } = await mountSessions();
    await role("deploy", { policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] });
    await expect(issueOf("sts/deploy")).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringContaining('Read "aws/creds/deploy" for its access key.'),
    });
  });
});
