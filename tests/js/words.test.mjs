// @ts-check
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { NAMES, words } from "../../static/widget/words.js";

const folder = new URL("../../static/widget/words/", import.meta.url);
const languages = readdirSync(folder).map((name) => name.replace(".js", ""));

/** @param {string} language */
async function texts(language) {
  return (await import(new URL(`${language}.js`, folder).href)).default;
}

test("the languages are those that the loader knows", () => {
  const loader = readFileSync(new URL("../../static/widget.js", import.meta.url), "utf8");
  const titles = /TITLES = \{([^}]*)\}/.exec(loader)?.[1] ?? "";
  const known = [...titles.matchAll(/^ +(\w\w): ".+",$/gm)].map(([, language]) => language);
  assert.deepEqual(known.sort(), languages.sort());
  assert.equal(languages.length, 8);
});

for (const language of languages) {
  test(`each text has its words in ${language}`, async () => {
    const lines = (await texts(language)).split("\n");
    assert.equal(lines.length, NAMES.length);
    for (const line of lines) assert.match(line, /^\S.*\S$/u);
  });

  test(`a text that goes on ends as such in ${language}, and no other does`, async () => {
    const own = words(await texts(language));
    const going = ["placeholder", "sending", "searching", "thinking", "continuing", "reconnecting"];
    assert.deepEqual(NAMES.filter((name) => own[name].endsWith("…")).sort(), going.sort());
  });
}
