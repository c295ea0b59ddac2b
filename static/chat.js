// @ts-check
/** Makes every `<chat-box>` of the page work. */

import { ChatBox } from "./chat/box.js";

customElements.define("chat-box", ChatBox);
