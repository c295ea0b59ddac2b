// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { test } from "node:test";

import { Markdown } from "../../static/widget/markdown.js";
import { Document, shown, within } from "./dom.mjs";

/** @typedef {string | number} Part a piece of text, or the number of a source that is cited there */

/** The elements that the parts come to, written one after the other. @param {Part[]} parts */
function written(parts) {
  const root = new Document().createElement("div");
  const markdown = new Markdown(/** @type {any} */ (root));
  for (const part of parts) typeof part === "number" ? markdown.cite(part) : markdown.write(part);
  markdown.end();
  return root;
}

/** @param {Part[]} parts */
function html(...parts) {
  return shown(written(parts));
}

/** Each split of the text in two, and the one into its characters. @param {string} text */
function splits(text) {
  const twos = Array.from(text, (_, i) => [text.slice(0, i), text.slice(i)]);
  return [...twos, text.split("")];
}

/** @param {string} text @param {string} expected */
function assertSameInAnySplit(text, expected) {
  for (const parts of splits(text)) assert.equal(html(...parts), expected, JSON.stringify(parts));
}

/** A link that leaves the blog, which says so. @param {string} href @param {string} text @param {string} host */
function away(href, text, host = "") {
  const label = host && `<span class="host"> (${host})</span>`;
  return `<a href="${href}" target="_blank" rel="noopener noreferrer nofollow">${text}${label}</a>`;
}

/** @type {[string, string, string][]} */
const SPEC = [
  ["paragraphs", "one\n\ntwo\n \nthree", "<p>one</p><p>two</p><p>three</p>"],
  ["a line's end is shown", "one  \ntwo\\\nthree\nfour", "<p>one<br>two<br>three<br>four</p>"],
  ["a backslash at the end is one", "C:\\Users\\", "<p>C:\\Users\\</p>"],
  ["CR LF", "one\r\n\r\n- two\r\n", "<p>one</p><ul><li>two</li></ul>"],
  ["headings begin below the question", "# a\n## b\n### c\n#### d\n# e", "<h4>a</h4><h5>b</h5><h6>c</h6><h6>d</h6><h4>e</h4>"],
  ["headings skip no level", "### a\n##### b\n#### c\n### d\n## e\n### f", "<h4>a</h4><h5>b</h5><h5>c</h5><h4>d</h4><h4>e</h4><h5>f</h5>"],
  ["a heading needs its space", "#no\n\n####### no", "<p>#no</p><p>####### no</p>"],
  ["emphasis", "*a* **b** ***c*** _d_ __e__", "<p><em>a</em> <strong>b</strong> <em><strong>c</strong></em> <em>d</em> <strong>e</strong></p>"],
  ["emphasis in emphasis", "**a *b* c** *a **b***", "<p><strong>a <em>b</em> c</strong> <em>a <strong>b</strong></em></p>"],
  ["stars that are none", "2 * 3 * 4 *.js a ** b", "<p>2 * 3 * 4 *.js a ** b</p>"],
  ["names with underscores", "snake_case_name, a_b", "<p>snake_case_name, a_b</p>"],
  ["emphasis in a word", "un*frigging*believable", "<p>un<em>frigging</em>believable</p>"],
  ["emphasis between letters that need no spaces", "**「引用」**です", "<p><strong>「引用」</strong>です</p>"],
  ["a mark without its end is put back", "see _config and **bold", '<p>see _<em class="unclosed">config and **<strong class="unclosed">bold</strong></em></p>'],
  ["a mark without its end, in another", "**a *b** c", '<p><strong>a *<em class="unclosed">b</em></strong> c</p>'],
  ["half a mark", "bold **", "<p>bold **</p>"],
  ["emphasis ends with its block", "**a\n\nb**", '<p>**<strong class="unclosed">a</strong></p><p>b**</p>'],
  ["emphasis over two lines", "**a\nb**", "<p><strong>a<br>b</strong></p>"],
  ["strike", "~~a~~ ~b~", "<p><del>a</del> ~b~</p>"],
  ["code", "`a*b*` ``c`d`` `` `e` ``", "<p><code>a*b*</code> <code>c`d</code> <code>`e`</code></p>"],
  ["code without its end", "a `b", '<p>a `<code class="unclosed">b</code></p>'],
  ["escapes", "\\*a\\* \\# \\[b](c) \\d \\`", "<p>*a* # [b](c) \\d `</p>"],
  ["entities are text", "&amp; &lt;b&gt; &#65;&#x42;&nbsp;", "<p>&amp; &lt;b> AB\xa0</p>"],
  ["what is no entity", "AT&T &nope; &constructor; &#; &#xg; & &amp", "<p>AT&amp;T &amp;nope; &amp;constructor; &amp;#; &amp;#xg; &amp; &amp;amp</p>"],
  ["HTML is text", "<b>a</b>\n\n<script>\nalert(1)\n</script>", "<p>&lt;b>a&lt;/b></p><p>&lt;script><br>alert(1)<br>&lt;/script></p>"],
  ["a list", "- a\n- b\n\n- c", "<ul><li>a</li><li>b</li><li>c</li></ul>"],
  ["another mark is another list", "- a\n* b", "<ul><li>a</li></ul><ul><li>b</li></ul>"],
  ["a list that counts", "1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"],
  ["a list that goes on counting", "3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'],
  ["nested lists", "- a\n  - b\n    1. c\n  - d\n- e", "<ul><li>a<ul><li>b<ol><li>c</li></ol></li><li>d</li></ul></li><li>e</li></ul>"],
  ["lists nested too little", "1. a\n  - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"],
  ["lists in a line", "- - a\n  - b", "<ul><li><ul><li>a</li><li>b</li></ul></li></ul>"],
  ["an item of two paragraphs", "- a\n\n  b\n\nc", "<ul><li>a<p>b</p></li></ul><p>c</p>"],
  ["an item's text goes on", "- a\nb", "<ul><li>a<br>b</li></ul>"],
  ["an item that begins late", "-\n  a", "<ul><li>a</li></ul>"],
  ["task lists are text", "- [ ] a\n- [x] b", "<ul><li>[ ] a</li><li>[x] b</li></ul>"],
  ["a year is no list", "It was in\n1986. What a year", "<p>It was in<br>1986. What a year</p>"],
  ["a number is no list", "3.14 and 1,5 and -5", "<p>3.14 and 1,5 and -5</p>"],
  ["quotes", "> a\n> b\n>\n> c\n\nd", "<blockquote><p>a<br>b</p><p>c</p></blockquote><p>d</p>"],
  ["quotes in quotes", "> a\n>> b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"],
  ["a list in a quote", "> - a\n> - b", "<blockquote><ul><li>a</li><li>b</li></ul></blockquote>"],
  ["rules", "a\n\n---\n* * *\n___", "<p>a</p><hr><hr><hr>"],
  [
    "code blocks",
    "```js\nlet a = `b`;\n\n  *c*\n```\nafter",
    '<div class="code"><div class="head"><span class="language">js</span></div><pre><code class="language-js">let a = `b`;\n\n  *c*</code></pre></div><p>after</p>',
  ],
  [
    "a code block without its end",
    "~~~\n&amp;\n```\n",
    '<div class="code"><div class="head"><span class="language"></span></div><pre><code>&amp;amp;\n```</code></pre></div>',
  ],
  [
    "a code block in a list",
    "1. a\n\n   ```\n   b\n     c\n   ```\n2. d",
    '<ol><li>a<div class="code"><div class="head"><span class="language"></span></div><pre><code>b\n  c</code></pre></div></li><li>d</li></ol>',
  ],
  [
    "a code block ends with its quote",
    "> ```\n> a\n>\n> b\nc",
    '<blockquote><div class="code"><div class="head"><span class="language"></span></div><pre><code>a\n\nb</code></pre></div></blockquote><p>c</p>',
  ],
  ["code that looks like a block", "```a``` b", "<p><code>a</code> b</p>"],
  [
    "tables",
    "| a | **b** | c |\n|---|:-:|--:|\n| 1 | `2\\|3` |\n| | 5 | 6 | 7 |\nafter",
    '<div class="table"><table><thead><tr><th>a</th><th class="center"><strong>b</strong></th><th class="right">c</th></tr></thead>' +
      '<tbody><tr><td>1</td><td class="center"><code>2|3</code></td><td class="right"></td></tr>' +
      '<tr><td></td><td class="center">5</td><td class="right">6</td><td>7</td></tr></tbody></table></div><p>after</p>',
  ],
  ["a table ends a paragraph", "a\n| b |\n|:--|", '<p>a</p><div class="table"><table><thead><tr><th class="left">b</th></tr></thead></table></div>'],
  ["a table in a list", "- a\n\n  | b |\n  |---|\n  | c |\n- d", '<ul><li>a<div class="table"><table><thead><tr><th>b</th></tr></thead><tbody><tr><td>c</td></tr></tbody></table></div></li><li>d</li></ul>'],
  ["what is no table", "| a |\n| b | c\n\n|x|", "<p>| a |<br>| b | c</p><p>|x|</p>"],
  ["links within the blog", '[a](/b) [*c*](d "title") [e](#f)', '<p><a href="https://blog.example/b">a</a> <a href="https://blog.example/posts/d"><em>c</em></a> <a href="https://blog.example/posts/a#f">e</a></p>'],
  ["links away say where to", "[a](https://b.example/c_(d))", `<p>${away("https://b.example/c_(d)", "a", "b.example")}</p>`],
  ["a text that names the host", "[b.example/c](https://b.example/)", `<p>${away("https://b.example/", "b.example/c")}</p>`],
  ["a text that names another host", "[https://blog.example](https://b.example/)", `<p>${away("https://b.example/", "https://blog.example", "b.example")}</p>`],
  ["addresses with entities, escapes and spaces", "[a](</b c?d=1&amp;e=\\*>)", '<p><a href="https://blog.example/b%20c?d=1&e=*">a</a></p>'],
  ["brackets in a link's text", "[a [b] c](/d) [`e`](/f)", '<p><a href="https://blog.example/d">a [b] c</a> <a href="https://blog.example/f"><code>e</code></a></p>'],
  ["a link within emphasis", "**[a](/b)**", '<p><strong><a href="https://blog.example/b">a</a></strong></p>'],
  ["half a link", "[te](htt", "<p>[te](htt</p>"],
  ["what is no link", "[a] (b) [c][d] [e](f g) x[0]", "<p>[a] (b) [c][d] [e](f g) x[0]</p>"],
  ["a link without a text", "[](https://b.example/)", `<p>${away("https://b.example/", "b.example")}</p>`],
  ["mail", "[a](mailto:b@c.example?body=d)", '<p><a href="mailto:b@c.example">a<span class="host"> (b@c.example)</span></a></p>'],
  ["images are links", "![a](/b.png) ![](/c.png)", '<p><a href="https://blog.example/b.png">a</a> <a href="https://blog.example/c.png">blog.example</a></p>'],
  ["an image in a link", "[![a](/b.png)](/c)", '<p><a href="https://blog.example/c">a</a></p>'],
  ["reference links are text", "[a][1]\n\n[1]: /b", "<p>[a][1]</p><p>[1]: /b</p>"],
  ["addresses in brackets", "<https://b.example/c>, <i>", `<p>${away("https://b.example/c", "https://b.example/c")}, &lt;i></p>`],
  ["bare addresses", "(https://b.example/c_(d)), http: http", `<p>(${away("https://b.example/c_(d)", "https://b.example/c_(d)")}), http: http</p>`],
  ["a bare address within emphasis", "**https://b.example/c**", `<p><strong>${away("https://b.example/c", "https://b.example/c")}</strong></p>`],
  ["a bare address ends where Chinese begins", "看https://b.example/c。好", "<p>看" + away("https://b.example/c", "https://b.example/c") + "。好</p>"],
  ["hosts in other letters are in Punycode", "https://аpple.com/", `<p>${away("https://xn--pple-43d.com/", "https://аpple.com/", "xn--pple-43d.com")}</p>`],
  ["addresses that hide something", "[a](https://b@c.example) https://b:c@d.example", "<p>a https://b:c@d.example</p>"],
  ["addresses with control characters", "[a](/b\x01c) [d](</e\tf>)", "<p>a d</p>"],
  ["addresses of other kinds", "[a](javascript:b) ![c](data:d) [e](file:///f)", "<p>a c e</p>"],
  ["characters that turn the text round", "a\u202eb [c\u2066](/d) &#x202e;", '<p>ab <a href="https://blog.example/d">c</a> </p>'],
  ["NUL, halves of pairs, and odd line ends", "a\0b &#0; &#xd800; 🙂\u2028c", "<p>a\ufffdb \ufffd \ufffd 🙂\u2028c</p>"],
];

for (const [name, text, expected] of SPEC) {
  test(`${name}: whole, in every two pieces, and by the character`, () => {
    assert.equal(html(text), expected);
    assertSameInAnySplit(text, expected);
  });
}

test("any split of any text gives the same elements", () => {
  const random = seeded(20261120);
  const marks = ["*", "**", "_", "`", "``", "```", "~~", "[", "](", ")", "](/a)", "!", "<", ">", "&", "&lt;", "\\", "|", "\n", "\n\n"];
  const starts = ["\n- ", "\n  - ", "\n1. ", "\n> ", "\n# ", "\n```js\n", "\n---\n", "\n| a | b |\n|---|:-:|\n| c", "\n    "];
  const words = ["a", "b c", "ha", "http://x.y", "https://x.example/z", " ", "  ", "\t", "é", "字", "🙂", '"', "'", "1", "."];
  const pieces = [...marks, ...marks, ...starts, ...words, ...words];
  for (let i = 0; i < 1500; i++) {
    const text = Array.from({ length: 1 + random(30) }, () => pieces[random(pieces.length)]).join("");
    const whole = html(text);
    for (let cuts = 0; cuts < 4; cuts++) {
      const parts = text.split(/(?:)/).reduce((/** @type {string[]} */ all, c) => (random(3) ? [...all.slice(0, -1), (all.at(-1) ?? "") + c] : [...all, c]), []);
      assert.equal(html(...parts), whole, JSON.stringify(parts));
    }
    assert.equal(html(...text.split("")), whole, JSON.stringify(text));
  }
});

test("what stands is never taken away", () => {
  const text = SPEC.map(([, each]) => each).join("\n\n");
  const root = new Document().createElement("div");
  const markdown = new Markdown(/** @type {any} */ (root));
  const seen = new Set();
  for (const c of text) {
    markdown.write(c);
    const all = new Set(within(root));
    for (const each of seen) assert.ok(all.has(each));
    all.forEach((each) => seen.add(each));
  }
});

test("all but the last few characters are shown at once", () => {
  const root = new Document().createElement("div");
  const markdown = new Markdown(/** @type {any} */ (root));
  markdown.write("so **bo");
  assert.equal(shown(root), "<p>so <strong>bo</strong></p>");
  markdown.write("ld** and `co");
  assert.equal(shown(root), "<p>so <strong>bold</strong> and <code>co</code></p>");
  markdown.write("de` and [te](htt");
  assert.equal(shown(root), "<p>so <strong>bold</strong> and <code>code</code> and </p>");
});

test("what gets too long is text, and is held back no more", () => {
  const text = `[a](/${"b".repeat(2500)}`;
  const root = new Document().createElement("div");
  const markdown = new Markdown(/** @type {any} */ (root));
  markdown.write(text);
  assert.equal(shown(root), `<p>${text}</p>`);
  assert.equal(html(`${text})`), html(...`${text})`));
});

test("a citation's mark stands where the text ends, whatever is held back", () => {
  assert.equal(html("A claim.", 1, " More."), "<p>A claim.<sup>1</sup> More.</p>");
  assert.equal(html("A claim. ", 1, "More."), "<p>A claim.<sup>1</sup> More.</p>");
  assert.equal(html("**A claim.**", 1, " More."), "<p><strong>A claim.</strong><sup>1</sup> More.</p>");
  assert.equal(html("A claim.\n\n", 1, 2, "More."), "<p>A claim.<sup>1</sup><sup>2</sup></p><p>More.</p>");
  assert.equal(html("See [a](/b)", 1, "."), '<p>See <a href="https://blog.example/b">a</a><sup>1</sup>.</p>');
  assert.equal(html("- a", 1, "\n- b", 2), "<ul><li>a<sup>1</sup></li><li>b<sup>2</sup></li></ul>");
  assert.equal(html("a h", 1, "i"), "<p>a h<sup>1</sup>i</p>");
  assert.equal(html("12", 1, " pieces"), "<p>12<sup>1</sup> pieces</p>");
});

test("two citations of a source for the same words are one mark", () => {
  assert.equal(html("a.", 1, 1, 2, " b.", 1), "<p>a.<sup>1</sup><sup>2</sup> b.<sup>1</sup></p>");
});

test("after a rewind it is as if nothing had been written", () => {
  const root = new Document().createElement("div");
  const markdown = new Markdown(/** @type {any} */ (root));
  markdown.write("# a\n\n**b [c](d");
  markdown.cite(1);
  markdown.rewind();
  markdown.write("A claim.");
  markdown.cite(1);
  markdown.write(" More.\n## c");
  markdown.end();
  assert.equal(shown(root), "<p>A claim.<sup>1</sup> More.</p><h4>c</h4>");
});

test("marks and the tools of code can be the page's own", () => {
  class Own extends Markdown {
    /** @param {number} n */
    mark(n) {
      const mark = super.mark(n);
      mark.className = "own";
      return mark;
    }
    /** @param {HTMLElement} head */
    tools(head) {
      head.append("copy");
    }
  }
  const root = new Document().createElement("div");
  const markdown = new Own(/** @type {any} */ (root));
  markdown.write("a");
  markdown.cite(3);
  markdown.write("\n```sh\n");
  assert.equal(
    shown(root),
    '<p>a<sup class="own">3</sup></p><div class="code"><div class="head"><span class="language">sh</span>copy</div><pre><code class="language-sh"></code></pre></div>',
  );
});

test("blocks have the direction of their own text", () => {
  const root = written(["a\n\n- b\n\n# c\n\n| d |\n|---|\n\n```\ne"]);
  const directions = within(root).filter(({ attributes }) => attributes.has("dir")).map(({ tag, attributes }) => `${tag} ${attributes.get("dir")}`);
  assert.deepEqual(directions, ["p auto", "ul auto", "h4 auto", "table auto", "pre ltr"]);
});

/** @type {{ name: string, text: string, times?: number }[]} */
const HOSTILE = JSON.parse(readFileSync(new URL("../hostile/answers.json", import.meta.url), "utf8"));
const ALLOWED = new Map(
  Object.entries({
    a: ["href", "dir", "target", "rel"], blockquote: [], br: [], code: ["class"], del: ["class"], div: ["class", "tabindex"], em: ["class"],
    h4: ["dir"], h5: ["dir"], h6: ["dir"], hr: [], li: [], ol: ["dir", "start"], p: ["dir"], pre: ["dir", "tabindex"],
    span: ["class", "dir"], strong: ["class"], sup: [], table: ["dir"], tbody: [], td: ["class"], th: ["class"], thead: [], tr: [], ul: ["dir"],
  }),
);
const CLASS = /^(code|head|language|table|host|unclosed|left|center|right|language-[\w+#.-]{1,30})$/;
const HREF = /^(https?:\/\/[^@/\s]+\/[^\s"<>]*|mailto:[\w.+-]+@[\w.-]+)$/;

/** @param {ReturnType<typeof written>} root */
function assertHarmless(root) {
  for (const { tag, attributes } of within(root)) {
    assert.ok(ALLOWED.has(tag), tag);
    for (const [name, value] of attributes) {
      assert.ok(ALLOWED.get(tag)?.includes(name), `${tag} ${name}`);
      if (name === "class") assert.match(value, CLASS);
      if (name === "href") assert.match(value, HREF);
    }
  }
  assert.doesNotMatch(root.textContent, /[\0\u202a-\u202e\u2066-\u2069]/);
}

test("there are at least a hundred hostile answers, none twice", () => {
  assert.ok(HOSTILE.length >= 100);
  assert.equal(new Set(HOSTILE.map(({ text, times }) => text + times)).size, HOSTILE.length);
});

for (const { name, text, times = 1 } of HOSTILE) {
  test(`hostile: ${name}`, () => {
    const answer = text.repeat(times);
    const root = written([answer]);
    assertHarmless(root);
    if (answer.length < 1000) assertSameInAnySplit(answer, shown(root));
  });
}

/** How often any piece of the Markdown's code is run while `work` runs. @param {() => void} work */
async function operations(work) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  work();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  await session.post("Profiler.stopPreciseCoverage");
  session.disconnect();
  const ranges = result.filter(({ url }) => url.includes("/static/widget/")).flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges));
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

test("ten times the text is ten times the work, for hostile answers too", async () => {
  const texts = [...HOSTILE.filter(({ times }) => times).map(({ text }) => text), "A *word* and `code`, then [a link](/b).\n\n- item\n\n"];
  for (const text of texts) {
    const [once, tenfold] = [1, 10].map((n) => text.repeat(Math.ceil((n * 1000) / text.length)).split(""));
    const few = await operations(() => written(once));
    const many = await operations(() => written(tenfold));
    assert.ok(many < 20 * few, `${JSON.stringify(text.slice(0, 20))}: ${few}, then ${many}`);
  }
});

/** Whole numbers below the one asked for, the same each time. @param {number} state */
function seeded(state) {
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
