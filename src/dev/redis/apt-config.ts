import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes a configuration with which apt keeps lists, cache and state in a folder of one's own, so that it
 * needs no root and changes nothing of the machine's; gives the arguments that make apt-get use it.
 *
 * Sources, keys and proxies stay the machine's. So does dpkg's record of what is installed: by it apt finds
 * which packages are missing here.
 */
export async function writeAptConfig(folder: string): Promise<string[]> {
  for (const dir of ["lists/partial", "cache/archives/partial", "state"]) {
    await mkdir(join(folder, dir), { recursive: true });
  }
  const config = join(folder, "apt.conf");
  const settings = {
    "Dir::State": join(folder, "state"),
    "Dir::State::lists": join(folder, "lists"),
    "Dir::Cache": join(folder, "cache"),
    // Container images switch these off, and every command would then parse all lists again.
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    // As root, apt would download as user "_apt", who cannot enter this folder.
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::http::Timeout": "20",
    "Acquire::https::Timeout": "20",
    // Descriptions for software centres: four times the size of everything needed.
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
  };
  // Hooks of the machine would touch the machine's own caches.
  const hooks = ["Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"].map((hook) => `APT::Update::${hook}`);
  const lines = [
    ...[...hooks, "Acquire::Languages"].map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  return ["-q", "-c", config];
}
