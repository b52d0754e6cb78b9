import { startSimulator, tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { iamConformance } from "../../conformance/iam.ts";

iamConformance("the AWS simulator", async () => {
  const simulator = await startSimulator();
  return { endpoint: simulator.url, ...tutorialKey, stop: simulator.close };
});
