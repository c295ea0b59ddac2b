"""How the widget's scripts are joined."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chatsse.assets import static_dir
from chatsse.bundle import bundle, lean

SCRIPT = rb"""// @ts-check
/** A module.
 * @param {string} x of `a/*b` */
const far = "https://example.com/** ; a"; // goes
  // goes
const near = /** @type {string} */ (far), text = `
  ; /* stays */ ${far}
`;
class A {
  #a = /[/"] {2} \//.test("it's");
  get b() {
    return this.#a ? 4 / 2 - -1 : 'a " ;';
  }
  c = [
    1,
  ];
}
const STYLE = `
/* stays */
a > b, .c :is(d) {
  color: red; width: calc(1px + 2px);
}`;
"""
LEAN = rb"""const far="https://example.com/** ; a";const near=(far),text=`
  ; /* stays */ ${far}
`;class A{#a=/[/"] {2} \//.test("it's");get b(){return this.#a?4 / 2 - -1:'a " ;';}
c=[1,];}
const STYLE=`
/* stays */
a>b,.c :is(d){color:red;width:calc(1px + 2px)}`;
"""
MODULES = {
    "top": """import { Side } from "./side.js";
import { list, name } from "./base.js";
const base = "top";
export class Top {
  all = [base, new Side().name, name(), ...list];
}
""",
    "side": """import { name } from "./base.js";
export class Side {
  name = `side of ${name()}`;
}
""",
    "base": """export function name() {
  return "base";
}
export const list = [1, 2];
""",
}
NODE = shutil.which("node")


def written(folder: Path, modules: dict[str, str]) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder


def test_comments_and_the_spaces_that_only_people_need_are_not_sent() -> None:
    assert lean(SCRIPT) == LEAN


def test_a_template_within_a_template_is_refused() -> None:
    with pytest.raises(ValueError, match="template"):
        lean(b"a = `b ${c ? `; d` : e}`;")


@pytest.mark.skipif(not NODE, reason="Node.js is not installed")
def test_modules_become_one_that_does_what_they_did(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mjs"
    whole.write_bytes(bundle(written(tmp_path, MODULES), "top"))
    told = f"import('{whole}').then((all) => console.log(Object.keys(all) + ': ' + new all.Top().all))"
    result = subprocess.run([NODE or "node", "-e", told], capture_output=True, text=True, check=True)
    assert result.stdout == "Top: top,side of base,base,1,2\n"


def test_a_module_comes_once_and_before_those_that_import_it(tmp_path: Path) -> None:
    whole = bundle(written(tmp_path, MODULES), "top").decode()
    places = [whole.index(f"const ${name}=") for name in ("base", "side", "top")]
    assert places == sorted(places)
    assert whole.count("function name") == 1


@pytest.mark.parametrize(
    "line",
    [
        'import * as base from "./base.js";',
        'import base from "./base.js";',
        'import "./base.js";',
        'import { name } from "https://example.com/base.js";',
        "export default 1;",
        "export { name };",
        'export * from "./base.js";',
        "export let name;",
        'import { list as all } from "./base.js";',
    ],
)
def test_a_form_that_is_not_understood_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="top"):
        bundle(written(tmp_path, {**MODULES, "top": line + "\n"}), "top")


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    modules = {"a": 'import { b } from "./b.js";\n', "b": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match="imports itself"):
        bundle(written(tmp_path, modules), "a")


def test_every_module_of_the_widget_is_in_what_is_sent() -> None:
    whole = bundle(static_dir() / "widget", "panel").decode()
    names = {path.stem for path in (static_dir() / "widget").glob("*.js")}
    assert {name for name in names if f"const ${name}=" in whole} == names
