// @ts-check
/** As much of the DOM as the Markdown needs, and what it comes to as text. */

class Node {
  /** @type {Element | null} */
  parentNode = null;
}

class Text extends Node {
  nodeType = 3;
  /** @param {string} data */
  constructor(data) {
    super();
    this.data = data;
  }
  /** @param {string} data */
  appendData(data) {
    this.data += data;
  }
  get textContent() {
    return this.data;
  }
}

class Element extends Node {
  nodeType = 1;
  /** @type {Map<string, string>} */
  attributes = new Map();
  /** @type {(Element | Text)[]} */
  childNodes = [];
  /** @param {string} tag @param {Document} ownerDocument */
  constructor(tag, ownerDocument) {
    super();
    this.tag = tag;
    this.ownerDocument = ownerDocument;
    ownerDocument.made++;
  }
  get lastChild() {
    return this.childNodes.at(-1) ?? null;
  }
  /** @returns {string} */
  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }
  /** @param {string} value */
  set className(value) {
    this.setAttribute("class", value);
  }
  /** @param {string} name @param {string} value */
  setAttribute(name, value) {
    this.attributes.set(name, value);
  }
  /** @param {(Element | string)[]} nodes */
  append(...nodes) {
    for (const node of nodes) this.childNodes.push(adopted(node, this));
  }
  /** @param {string} text */
  before(text) {
    const { childNodes } = /** @type {Element} */ (this.parentNode);
    childNodes.splice(childNodes.indexOf(this), 0, adopted(text, /** @type {Element} */ (this.parentNode)));
  }
  replaceChildren() {
    this.childNodes = [];
  }
}

/** @param {Element | string} node @param {Element} parent */
function adopted(node, parent) {
  const child = typeof node === "string" ? new Text(node) : node;
  child.parentNode = parent;
  return child;
}

export class Document {
  /** How many elements have been made. */
  made = 0;
  baseURI = "https://blog.example/posts/a";
  /** @param {string} tag */
  createElement(tag) {
    return new Element(tag, this);
  }
}

/** @param {Element} element @returns {Element[]} all elements within it */
export function within(element) {
  return element.childNodes.flatMap((child) => (child instanceof Element ? [child, ...within(child)] : []));
}

/** What is in the element, as HTML; `dir`, which every block has, and `tabindex` left out. @param {Element} element @returns {string} */
export function shown({ childNodes }) {
  return childNodes.map((child) => (child instanceof Element ? outer(child) : escaped(child.data))).join("");
}

/** @param {Element} element */
function outer(element) {
  const attributes = [...element.attributes].filter(([name]) => name !== "dir" && name !== "tabindex");
  const start = [element.tag, ...attributes.map(([name, value]) => `${name}="${value}"`)].join(" ");
  return /^(br|hr)$/.test(element.tag) ? `<${start}>` : `<${start}>${shown(element)}</${element.tag}>`;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
