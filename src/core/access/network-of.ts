/** Groups of an IPv6 address that name its network: whoever has an address of one mostly has all of its 2^64. */
const networkGroups = 4;
const groupsOfAddress = 8;

const groupsIn = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));

/**
 * What callers at an address are counted by: an IPv4 address as it is, also one that is written as IPv6, and of an IPv6 address the
 * /64 that it is in. Takes addresses as Node writes them, in brackets or not.
 */
export function networkOf(address: string): string {
  const plain = address.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!plain.includes(":")) return plain;
  const [head = "", tail = ""] = plain.split("::");
  const [first, last] = [groupsIn(head), groupsIn(tail)];
  const left = Math.max(0, groupsOfAddress - first.length - last.length);
  const groups = [...first, ...Array<string>(left).fill("0"), ...last];
  return `${groups.slice(0, networkGroups).join(":")}::/64`;
}
