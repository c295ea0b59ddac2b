// @ts-check
/** The interface's texts. Each language is a file of its own in words/, a line for each of these names. */

export const NAMES = /** @type {const} */ ([
  "greeting", "placeholder", "send", "stop", "close", "fresh", "menu", "clear", "sure", "privacy", "caution",
  "asked", "answered", "sources", "copy", "copied", "good", "bad", "edit", "editing", "cancel", "retry", "latest",
  "sending", "searching", "thinking", "continuing", "reconnecting", "offline", "gone",
  "stopped", "max_tokens", "refusal", "failed", "unsent", "unreached", "uncleared",
]);

/** @typedef {Record<typeof NAMES[number], string>} Words */

/** @param {string} lines */
export function words(lines) {
  const texts = lines.split("\n");
  return /** @type {Words} */ (Object.fromEntries(NAMES.map((name, n) => [name, texts[n]])));
}
