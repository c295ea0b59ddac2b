// @ts-check
/** The server's JSON side: ask, stop, recall, erase. */

/** @typedef {{ id: string, stream: string, conversation: string }} Asked */
/** @typedef {import("./answer.js").Source} Source */
/** @typedef {{ prompt: string, answer: string, stream: string, sources?: Source[] }} PastTurn */

const PATIENCE_MS = 15_000;
const UNREACHABLE = "The blog can’t be reached right now. Your question is still here.";

/** The server, or the way to it, said no; `message` is for people. */
export class Refused extends Error {
  /** @param {string} message @param {number} status 0: no answer at all */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Put a question. A request that got no answer is sent once more: the key keeps it one question.
 * @param {{ prompt: string, conversation?: string, page: string }} question
 * @param {string} key
 * @returns {Promise<Asked>}
 * @throws {Refused}
 */
export async function ask(question, key) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify(question),
  };
  const response = await send("/chat", request).catch(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return send("/chat", request);
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** @param {string} stream @throws {Refused} */
export async function stop(stream) {
  const response = await send(stream, { method: "DELETE" });
  if (!response.ok && response.status !== 404) throw await refusal(response);
}

/**
 * The turns of a conversation, oldest first; none where it has expired or can't be had now.
 * @param {string} conversation
 * @returns {Promise<PastTurn[]>}
 */
export async function recall(conversation) {
  try {
    const response = await send(`/conversations/${encodeURIComponent(conversation)}`, {});
    return response.ok ? (await response.json()).turns : [];
  } catch {
    return [];
  }
}

/** @param {string} conversation */
export async function erase(conversation) {
  await send(`/conversations/${encodeURIComponent(conversation)}`, { method: "DELETE", keepalive: true });
}

/** @param {string} url @param {RequestInit} request */
async function send(url, request) {
  try {
    return await fetch(url, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Refused(UNREACHABLE, 0);
  }
}

/** @param {Response} response */
async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  const message = body?.error?.message || "That did not work. Your question is still here.";
  const wait_s = Number(response.headers.get("Retry-After"));
  const when = wait_s > 0 ? ` You can ask again in ${wait_s === 1 ? "a second" : `${wait_s} seconds`}.` : "";
  return new Refused(message + when, response.status);
}
