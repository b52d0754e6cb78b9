/** `npm run demo`: plays the whole walkthrough with real processes, and exits 0 only if every step did what it says. */
import { processEnvironment } from "../../config.ts";
import { playAround } from "./around.ts";
import { playClients } from "./clients.ts";
import { playDeadMansSwitch } from "./dead-mans-switch.ts";
import { playEndings } from "./endings.ts";
import { createStage } from "./stage.ts";
import { playTutorial } from "./tutorial.ts";
import { createWorld, type World } from "./world.ts";

const write = (text: string): void => void process.stdout.write(text);
let world: World | undefined;

try {
  write("Starting Redis, the AWS simulator and the server ...\n");
  const playing = await createWorld(processEnvironment, (line) => write(`${line}\n`));
  world = playing;
  const stage = createStage({
    cwd: playing.dir,
    env: () => ({ LEASEHOLD_ADDR: playing.server().grpcUrl, LEASEHOLD_TOKEN: playing.rootToken }),
    write,
  });
  write(`The server listens: gRPC on ${playing.server().grpcUrl}, HTTP on ${playing.server().httpUrl}\n`);
  await playTutorial(stage, playing);
  await playEndings(stage, playing);
  await playAround(stage);
  await playClients(stage, playing);
  await playDeadMansSwitch(stage, playing);
  write("\nEvery step did what it says.\n");
} catch (error) {
  write(`\nThe demo failed. ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await world?.stop();
}
