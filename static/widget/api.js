// @ts-check
/** The server's JSON side: ask, stop, rate, recall, erase. */

import { backoff } from "./follower.js";

/** @typedef {{ prompt: string, conversation?: string, after?: string, page: string }} Question */
/** @typedef {{ id: string, stream: string, conversation: string }} Asked */
/** @typedef {import("./answer.js").Source} Source */
/** @typedef {{ prompt: string, answer: string, stream: string, sources?: Source[] }} PastTurn */

const PATIENCE_MS = 15_000;
const TRIES = 4;
const OFFLINE_MS = 30_000;

/** The server, or the way to it, said no. `code` is the server's word, or `unreachable`: no answer at all. */
export class Refused extends Error {
  /** @param {string} code @param {string} [message] for people @param {number} [wait_s] 0: not said */
  constructor(code, message = "", wait_s = 0) {
    super(message);
    this.code = code;
    this.wait_s = wait_s;
  }
}

export class Api {
  #server;

  /** @param {string} server */
  constructor(server) {
    this.#server = server;
  }

  /** The absolute address of a path of the server's. @param {string} path */
  url(path) {
    return this.#server + path;
  }

  /**
   * Put a question. A request that got no answer is sent again: the key keeps it one question.
   * @param {Question} question
   * @param {string} key
   * @returns {Promise<Asked>}
   * @throws {Refused}
   */
  async ask(question, key) {
    for (let tries = 1; ; tries++) {
      try {
        const asked = await this.#send("POST", "/chat", question, { "Idempotency-Key": key });
        if (!asked?.stream) throw new Refused("unreachable");
        return asked;
      } catch (error) {
        if (tries === TRIES || !(error instanceof Refused) || error.code !== "unreachable") throw error;
        await reachable(backoff(tries));
      }
    }
  }

  /** @param {string} stream @throws {Refused} */
  stop(stream) {
    return this.#end(stream);
  }

  /** @param {string} stream @param {string} rating @throws {Refused} */
  rate(stream, rating) {
    return this.#send("POST", "/feedback", { id: idOf(stream), rating });
  }

  /**
   * The turns of a conversation, oldest first.
   * @param {string} conversation
   * @returns {Promise<PastTurn[]>}
   * @throws {Refused}, or anything where the reply is not the server's
   */
  async recall(conversation) {
    return (await this.#send("GET", conversationPath(conversation))).turns;
  }

  /** @param {string} conversation @throws {Refused} */
  erase(conversation) {
    return this.#end(conversationPath(conversation));
  }

  /** @param {string} path */
  async #end(path) {
    await this.#send("DELETE", path).catch((error) => {
      if (error.code !== "not_found") throw error;
    });
  }

  /**
   * The JSON of the reply; null where it has none.
   * @param {string} method @param {string} path
   * @param {object} [body] @param {Record<string, string>} [headers]
   */
  async #send(method, path, body, headers) {
    const response = await fetch(this.url(path), {
      method,
      headers: body && { "Content-Type": "application/json", ...headers },
      body: body && JSON.stringify(body),
      // A page that is being left still gets it out.
      keepalive: method === "DELETE",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => {
      throw new Refused("unreachable");
    });
    const reply = await response.json().catch(() => null);
    if (response.ok) return reply;
    // What is not in the server's own form comes from a proxy that could not reach it.
    const error = reply?.error;
    throw new Refused(error?.code || "unreachable", error?.message, Number(response.headers.get("Retry-After")) || 0);
  }
}

/** The id of the answer at a path. @param {string} stream */
export function idOf(stream) {
  return stream.slice(stream.lastIndexOf("/") + 1);
}

/** @param {string} conversation */
function conversationPath(conversation) {
  return `/conversations/${encodeURIComponent(conversation)}`;
}

/**
 * Resolves after the pause, or, where the browser is offline, when it no longer is.
 * It may be wrong about that, so not later than after a while.
 * @param {number} pause_ms
 */
async function reachable(pause_ms) {
  const listening = new AbortController();
  await new Promise((resolve) => {
    setTimeout(resolve, navigator.onLine ? pause_ms : OFFLINE_MS);
    addEventListener("online", resolve, { signal: listening.signal });
  });
  listening.abort();
}
