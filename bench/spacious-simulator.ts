// The AWS simulator with room for more users than AWS gives an account by default (5,000), and nothing on disk. It ends
// when its parent lets go of it.

import { startSimulator } from "../src/dev/simulator/simulator.ts";

const { url } = await startSimulator({ quotas: { users: 1_000_000 } });
process.on("disconnect", () => process.exit(0));
process.send?.({ url });
