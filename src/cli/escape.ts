/**
 * Characters that steer a terminal or turn the direction of text: C0, DEL, C1,
 * line and paragraph separators, and the bidirectional controls.
 */
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes text safe to show: characters that steer a terminal are written as
 * `\n`, `\t` or `\u001b`, so that what a server sends cannot move the cursor,
 * colour the screen or hide a part of itself.
 */
export function escapeText(text: string): string {
  return text.replace(steering, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
