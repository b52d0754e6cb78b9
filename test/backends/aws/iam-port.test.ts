import { startSimulator, tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { iamPortConformance } from "../../conformance/iam-port.ts";

iamPortConformance(
  "the AWS simulator",
  async () => {
    const simulator = await startSimulator();
    return { endpoint: simulator.url, ...tutorialKey, stop: simulator.close };
  },
  // The simulator wants the codes that the device shows; its own tests have them.
  ["any MFA code"],
);
