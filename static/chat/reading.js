// @ts-check
/** The reading of one answer: from its stream to its place on the page. */

import { Answer } from "./answer.js";
import { Follower } from "./follower.js";

/** @typedef {import("./turn.js").Turn} Turn */
/** @typedef {import("./follower.js").Connection} Connection */

export class Reading {
  answer = new Answer();
  /** @type {Connection} */
  connection = "open";
  #frame = 0;
  #onend;
  #paint;
  #follower;

  /**
   * @param {Turn} turn
   * @param {string} stream
   * @param {object} page
   * @param {(draw: () => void) => void} page.paint changes the page by calling `draw`
   * @param {(reading: Reading) => void} page.onend the answer has ended, or is out of reach for good
   */
  constructor(turn, stream, { paint, onend }) {
    this.turn = turn;
    this.stream = stream;
    this.#paint = paint;
    this.#onend = onend;
    this.#follower = new Follower(stream, {
      cursor: () => this.answer.cursor,
      onevent: (event) => {
        this.answer.apply(event);
        this.#update(this.answer.end !== null);
      },
      onconnection: (connection) => {
        this.connection = connection;
        this.#update(connection === "gone");
      },
    });
  }

  open() {
    this.#show();
    this.#follower.open();
  }

  close() {
    this.#follower.close();
    cancelAnimationFrame(this.#frame);
  }

  /** Tokens come faster than screens change: one drawing a frame. @param {boolean} ended */
  #update(ended) {
    if (!ended) {
      this.#frame ||= requestAnimationFrame(() => this.#show());
      return;
    }
    this.close();
    this.#show();
    this.#onend(this);
  }

  #show() {
    this.#frame = 0;
    this.#paint(() => this.turn.show(this.answer, this.connection));
  }
}
