// @ts-check
/** What a page has to remember to find its chat again after a refresh: one entry, written in one go. */

const NAME = "chatsse:chat";

/**
 * @typedef {object} Session
 * @property {string} [conversation]
 * @property {string} [prompt] the last question
 * @property {string} [key] its Idempotency-Key, while it is on its way
 * @property {string} [stream] its answer, once there is one
 */

/** @returns {Session} */
export function load() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Session} session */
export function save(session) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(session));
  } catch {
    // Storage is full or forbidden: the chat works, only not beyond a refresh.
  }
}

/** A random key. `crypto.randomUUID` is missing on plain http, where people try things out. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
